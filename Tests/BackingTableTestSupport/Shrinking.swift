// SPDX-License-Identifier: MIT

/// The shortest list that it finds, by leaving out parts of this one, that still fails.
public func shrink<Step>(_ steps: [Step], fails: ([Step]) -> Bool) -> [Step] {
    var shortest = steps
    var length = max(1, shortest.count / 2)
    while true {
        var start = 0
        var isShorter = false
        while start < shortest.count {
            var candidate = shortest
            candidate.removeSubrange(start..<min(start + length, candidate.count))
            if fails(candidate) {
                shortest = candidate
                isShorter = true
            } else {
                start += length
            }
        }
        if length > 1 {
            length /= 2
        } else if !isShorter {
            return shortest
        }
    }
}
