// How often a request asks for memory between its frame and its answer, once everything is warm: counted in this build, whatever
// it is, and held to the release build's bounds. `tools/bench allocations` builds it as the release binary is built.

import Foundation
import Telemetry

/// Per request; the tenth above the whole number is for what happens once in many rounds (a page of index entries).
/// Who raises one says in the commit what it buys.
private let bounds: [(name: String, bound: Double, measure: (HotPath) throws -> Double)] = [
    ("produce", 0.1, { try $0.produce() }),
    ("fetch", 3.1, { try $0.fetch() }),
    ("fetch-in-session", 5.1, { try $0.fetchInSession() }),
    ("waiting-fetch-and-produce", 8.1, { try $0.waitingFetchAndProduce() }),
]

/// A counter that does not count would find every path good.
private func checkCounter() throws {
    final class Canary { var next: Canary? }
    var last = Canary()
    let found = try HotPath.count { _ in
        let fresh = Canary()
        last.next = fresh
        last = fresh
    }
    guard found == 1 else { throw Failure("the counter found \(found) allocations where there was one") }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

Log.shared.level = .error
do {
    try checkCounter()
    var isOver = false
    for (name, bound, measure) in bounds {
        let found = try measure(try HotPath())
        print("\(name)\t\(String(format: "%.2f", found))\tat most \(bound)\(found <= bound ? "" : "\tTOO MANY")")
        if found > bound { isOver = true }
    }
    exit(isOver ? 1 : 0)
} catch {
    FileHandle.standardError.write(Data("allocations: \(error)\n".utf8))
    exit(2)
}
