// SPDX-License-Identifier: MIT

import Testing

@testable import FUSE

@Suite struct SecurityLabelTests {
    @Test func labelsAreMountDataInQuotes() {
        var options = MountOptions()
        #expect(options.labelData == "")
        options.securityLabels = ["rootcontext": "a:b:c:s0", "context": "a:b:c:s0:c1,c2"]
        #expect(options.labelData == ",context=\"a:b:c:s0:c1,c2\",rootcontext=\"a:b:c:s0\"")
    }
}
