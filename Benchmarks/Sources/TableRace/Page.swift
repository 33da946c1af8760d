// SPDX-License-Identifier: MIT

import Report

/// What was measured, as a page.
struct Page {
    let runner: Runner
    let plan: Plan
    let isQuick: Bool

    func text() -> String {
        var parts = [
            """
            # The race of the table

            Made by `Benchmarks/table-race\(isQuick ? " --quick" : "")`; what it means is told in [The backing table](backing-table.md).

            ![Nanoseconds per operation of each map](backing-table-race.svg)

            \(machine())

            Nanoseconds are this thread's processor time per operation, of \(plan.rounds) rounds the median; maps take turns within a round.
            The middle half of the rounds lies within \(Int(100 * typicalSpread())) % of the median for half of all figures. Every map is a
            program of its own with the same loop around it, and is called through the same functions: the table as the object that Linux
            links. Lookups are in a read section of liburcu's and take a reference; writers take a POSIX mutex (but `cds_lfht`, which
            has no lock). Entries are 64 bytes, in the order of insertion, not counted as a map's memory. Where fewer than 256 ids are in
            a map, as many maps are made as have 256 together. `cds_lfht` is given its size in advance. The xarray and the IDR are built
            from Linux's source by its own harness in user space, whose slab is simpler than a kernel's. Of 256 chains with a million ids
            2,048 operations are timed. The first row of each table is where the table does worst, compared with the quickest of the
            others.

            ## What it is to reach

            \(verdicts())

            Why a line is not reached is told in [The backing table](backing-table.md#the-race), where the table loses.
            """
        ]
        parts += Phase.allCases.map(phase)
        parts += [memory(), steps(), worst(), pair(), counted()]
        return parts.joined(separator: "\n\n") + "\n"
    }

    private func machine() -> String {
        """
        \(Machine.description). \(Machine.said("/usr/bin/gcc", ["--version"])); \(Machine.version(of: "linux-source-6.12")); \
        \(Machine.version(of: "liburcu-dev")).
        """
    }

    private func typicalSpread() -> Double {
        var spreads: [Double] = []
        for row in plan.rows {
            for contestant in Contestant.allCases {
                for phase in Phase.allCases {
                    if let spread = runner.spread("time", row, contestant, phase.rawValue) { spreads.append(spread) }
                }
            }
        }
        return spreads.sorted()[spreads.count / 2] / 2
    }

    /// A table of one figure, a row for each shape and size, a column for each map; the worst for ours first.
    private func grid(_ mode: String, _ rows: [Row], _ name: String, digits: Int = 0) -> String {
        var lines: [(Double, [String])] = []
        for row in rows {
            guard let ours = runner.median(mode, row, .table, name) else { continue }
            let others = Contestant.allCases.dropFirst().map { runner.median(mode, row, $0, name) }
            let best = others.compactMap { $0 }.min() ?? ours
            let ratio = best > 0 ? ours / best : 1
            lines.append((
                ratio,
                [row.shape.title, thousands(row.count), decimals(ours, digits)]
                    + others.map { $0.map { decimals($0, digits) } ?? "-" } + [decimals(ratio, 2)]
            ))
        }
        return markdown(
            ["ids", "how many"] + Contestant.allCases.map(\.title) + ["table / best other"], lines.sorted { $0.0 > $1.0 }.map(\.1))
    }

    private func phase(_ phase: Phase) -> String {
        "## \(phase.title)\n\nNanoseconds.\n\n" + grid("time", plan.rows, phase.rawValue)
    }

    private func memory() -> String {
        let links = plan.rows.last.map { row in
            Contestant.allCases.compactMap { contestant in
                runner.median("time", row, contestant, "links").map { "\(contestant.title) \(Int($0))" }
            }.joined(separator: ", ")
        }
        return """
            ## Memory

            Bytes of the heap per id, with what the C library adds to each block. Some maps keep their links in the entry, which is not counted
            here. Bytes of links in each entry: \(links ?? "").

            \(grid("time", plan.rows, "bytes", digits: 1))
            """
    }

    private func steps() -> String {
        let rows = plan.rows.filter { $0.count >= 256 }
        let lines: [(Double, [String])] = rows.map { row in
            let ours = stepsOfTable(row)
            let others = Contestant.allCases.dropFirst().map { runner.median("time", row, $0, "steps") }
            return (
                ours / (others.compactMap { $0 }.min() ?? ours),
                [row.shape.title, thousands(row.count), decimals(ours, 2)] + others.map { $0.map { decimals($0, 2) } ?? "-" }
            )
        }
        return """
            ## Steps of a lookup

            Pointers followed, the entry's included, in the mean. (liburcu's table cannot be counted from outside.)

            \(markdown(["ids", "how many"] + Contestant.allCases.map(\.title), lines.sorted { $0.0 > $1.0 }.map(\.1)))
            """
    }

    private func worst() -> String {
        let names = [("worst-insert", "Insertion"), ("worst-lookup", "Lookup"), ("worst-remove", "Removal")]
        return """
            ## The worst single operation

            Nanoseconds of the slowest of all. Each is done seven times and the quickest counts, so that what the machine did meanwhile does not.

            """ + names.map { "\n\($0.1):\n\n" + grid("worst", plan.worstRows, $0.0) }.joined(separator: "\n")
    }

    private func pair() -> String {
        """
        ## A reader beside a writer

        One thread looks up what stays and drops the reference again, another inserts and removes other ids. Nanoseconds of each thread's
        processor time per operation. They need a processor each: on a machine that is busy otherwise they run by turns, do not
        disturb each other, and what is measured is too little.

        The reader:

        \(grid("pair", plan.pairRows, "reader"))

        The writer:

        \(grid("pair", plan.pairRows, "writer"))
        """
    }

    private func counted() -> String {
        let figures = [("Ir", "instructions"), ("Dr", "reads"), ("Dw", "writes"), ("D1mr", "read misses, 32 KiB"), ("DLmr", "read misses, 8 MiB")]
        var lines: [[String]] = []
        for row in plan.countedRows {
            for phase in Phase.allCases {
                for contestant in Contestant.allCases {
                    let values = figures.map { runner.median("count", row, contestant, "\(phase.rawValue)-\($0.0)") }
                    guard values[0] != nil else { continue }
                    lines.append(
                        ["\(row.shape.title), \(thousands(row.count)), \(phase.rawValue)", contestant.title]
                            + values.enumerated().map { decimals($1 ?? 0, $0 == 0 ? 0 : 2) })
                }
            }
        }
        return """
            ## Counted by callgrind

            Per operation, the loop around it included (some 20 instructions). Cache misses are simulated: 32 KiB in 8 ways, 8 MiB in 16 ways.

            \(markdown(["what", "map"] + figures.map(\.1), lines))
            """
    }
}
