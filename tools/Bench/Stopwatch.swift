import Glibc

/// Times something that takes nanoseconds, by doing it often.
enum Stopwatch {
    /// The median over the rounds, for one time.
    @inline(never)
    static func nanoseconds(_ work: (_ times: Int) -> Void) -> Double {
        let roundNs = Double(setting("ROUND_MS", 40)) * 1_000_000
        var times = 1
        while true {
            let taken = elapsed { work(times) }
            if taken > roundNs / 2 {
                times = max(1, Int(Double(times) * roundNs / taken))
                break
            }
            times *= 2
        }
        let rounds = (0..<setting("ROUNDS", 15)).map { _ in elapsed { work(times) } / Double(times) }
        return rounds.sorted()[rounds.count / 2]
    }

    private static func elapsed(_ work: () -> Void) -> Double {
        let start = now()
        work()
        return now() - start
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private static func setting(_ name: String, _ standard: Int) -> Int {
        getenv(name).flatMap { Int(String(cString: $0)) } ?? standard
    }
}

extension Double {
    /// With one digit behind the point.
    var tenths: String {
        let scaled = Int((self * 10).rounded())
        return "\(scaled / 10).\(scaled % 10)"
    }
}
