// SPDX-License-Identifier: MIT

import SystemPackage

extension MountOptions {
    /// The security labels as mount data, each with a comma before it. Double quotes keep the commas of a label together.
    var labelData: String {
        securityLabels.sorted { $0.key < $1.key }.map { ",\($0.key)=\"\($0.value)\"" }.joined()
    }

    /// `fusermount3` hands on no labels.
    func checkLabels(_ target: String) throws(MountError) {
        guard let name = securityLabels.keys.min() else { return }
        throw MountError(target, "fusermount3 takes no mount option '\(name)'", remedy: "run as root")
    }
}
