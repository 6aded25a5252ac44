import Glibc
import Telemetry
import TestKit
import Testing

@testable import PartitionLog

/// A partition's log on a disk that loses what was not synced, against what the log was asked to keep.
/// docs/storage-faults.md lists the faults. A seed that fails is run again by
/// `SWIFT_DETERMINISTIC_HASHING=1 JACKDAW_SIMULATION_SEED=<seed> swift test --filter SimulationTests`.
@Suite struct SimulationTests {
    private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

    private static var seeds: ClosedRange<UInt64> {
        if let one = number("JACKDAW_SIMULATION_SEED") { return one...one }
        return 1...(number("JACKDAW_SIMULATION_SEEDS") ?? 300)
    }

    /// Thousands of restarts would write as many lines.
    init() { Log.shared.level = .error }

    @Test func `what was acknowledged as flushed survives every crash, and what is there is right`() throws {
        var steps = 0, crashes = 0
        var clock = timespec(), end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &clock)
        for seed in Self.seeds {
            let simulation = Simulation(seed: seed)
            do {
                try simulation.run()
            } catch {
                Issue.record("seed \(seed), step \(simulation.steps): \(error)")
                break
            }
            steps += simulation.steps
            crashes += simulation.crashes
        }
        clock_gettime(CLOCK_MONOTONIC, &end)
        let seconds = Double(end.tv_sec - clock.tv_sec) + Double(end.tv_nsec - clock.tv_nsec) / 1e9
        print(
            "simulation: seeds \(Self.seeds.lowerBound) to \(Self.seeds.upperBound), \(steps) steps, \(crashes) crashes, "
                + "\(Int(Double(Self.seeds.count) / seconds)) seeds/s")
    }

    @Test func `a log that forgets to sync its files is found out`() {
        #expect(Self.finds { $0.ignoresFileSync = true })
    }

    @Test func `a log that forgets to sync its directory is found out`() {
        #expect(Self.finds { $0.ignoresDirectorySync = true })
    }

    private static func finds(_ bug: (inout SimulatedDisk.Faults) -> Void) -> Bool {
        for seed in UInt64(1)...200 {
            let simulation = Simulation(seed: seed)
            bug(&simulation.disk.faults)
            do { try simulation.run() } catch { return true }
        }
        return false
    }
}
