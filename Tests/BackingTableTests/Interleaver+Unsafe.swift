// SPDX-License-Identifier: MIT

import Glibc

/// Runs a few threads in every order in which their steps can come.
///
/// One thread runs at a time. Before each step it decides who goes on; the decisions are a path through a tree, which is
/// walked depth first: the same threads run again and again, each time along the next path. Threads do nothing but
/// what the decisions say, so that a path repeats.
@safe
final class Interleaver: @unchecked Sendable {
    private struct Decision {
        var choice: Int
        var choices: Int
    }

    let count: Int
    /// One for each thread, and the last one for who drives.
    private let turns: UnsafeMutablePointer<sem_t>
    private var threads: [pthread_t] = []
    private var path: [Decision] = []
    private var depth = 0
    private var running: [Bool]
    private var blocked: [Bool]
    private var bodies: [() -> Void] = []
    private var isOver = false
    private(set) var runs = 0
    /// What went wrong with the threads themselves.
    private(set) var failure: String?

    // Safe, all below: semaphores that do not move and live as long as the threads; and each thread reads and writes the
    // rest only while it has the turn, which the semaphores hand from one to the next.

    init(count: Int) {
        self.count = count
        running = Array(repeating: false, count: count)
        blocked = running
        unsafe turns = .allocate(capacity: count + 1)
        for index in 0...count { unsafe sem_init(turns + index, 0, 0) }
        for index in 0..<count {
            let start = unsafe Unmanaged.passRetained(Start(interleaver: self, index: index))
            var thread = pthread_t()
            unsafe pthread_create(
                &thread, nil,
                { argument in
                    let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                    start.interleaver.loop(start.index)
                    return nil
                }, start.toOpaque())
            threads.append(thread)
        }
    }

    private final class Start {
        let interleaver: Interleaver
        let index: Int
        init(interleaver: Interleaver, index: Int) {
            self.interleaver = interleaver
            self.index = index
        }
    }

    /// Ends the threads. The last thing to call.
    func finish() {
        isOver = true
        for index in 0..<count { unsafe sem_post(turns + index) }
        for thread in threads { pthread_join(thread, nil) }
        for index in 0...count { unsafe sem_destroy(turns + index) }
        unsafe turns.deallocate()
    }

    /// Runs the threads that `prepare` returns once for every order there is. `check` comes after each run, and says
    /// whether to go on.
    func runAll(prepare: () -> [() -> Void], check: () -> Bool) {
        path = []
        runs = 0
        while true {
            bodies = prepare()
            precondition(bodies.count == count)
            depth = 0
            for index in 0..<count { running[index] = true }
            unsafe sem_post(turns + next(after: nil)!)
            wait(count)
            runs += 1
            guard check(), failure == nil else { return }
            while let last = path.last, last.choice + 1 == last.choices { path.removeLast() }
            guard !path.isEmpty else { return }
            path[path.count - 1].choice += 1
        }
    }

    /// The path that was just taken, to be printed.
    var trail: String { path.map { "\($0.choice)/\($0.choices)" }.joined(separator: " ") }

    /// A step of thread `me` is to come: any other may go first.
    func step(_ me: Int) {
        guard let next = next(after: me), next != me else { return }
        unsafe sem_post(turns + next)
        wait(me)
    }

    /// Thread `me` cannot go on before `unblock`.
    func block(_ me: Int) {
        blocked[me] = true
        guard let next = next(after: me) else {
            failure = "every thread waits for another"
            blocked[me] = false
            return
        }
        unsafe sem_post(turns + next)
        wait(me)
    }

    func unblockAll() {
        for index in 0..<count { blocked[index] = false }
    }

    /// Who goes on. The one that is running comes first, so that the first path has the fewest switches.
    private func next(after me: Int?) -> Int? {
        var candidates: [Int] = []
        if let me, running[me], !blocked[me] { candidates.append(me) }
        for index in 0..<count where index != me && running[index] && !blocked[index] { candidates.append(index) }
        guard candidates.count > 1 else { return candidates.first }
        if depth == path.count { path.append(Decision(choice: 0, choices: candidates.count)) }
        let decision = path[depth]
        depth += 1
        if decision.choices != candidates.count { failure = "a path did not repeat" }
        return candidates[min(decision.choice, candidates.count - 1)]
    }

    private func wait(_ index: Int) {
        while unsafe sem_wait(turns + index) != 0 {}
    }

    private func loop(_ me: Int) {
        while true {
            wait(me)
            if isOver { return }
            bodies[me]()
            running[me] = false
            unsafe sem_post(turns + (next(after: nil) ?? count))
        }
    }
}
