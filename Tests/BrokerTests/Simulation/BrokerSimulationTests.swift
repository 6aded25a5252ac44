import Glibc
import Telemetry
import TestKit
import Testing

/// Whole brokers on disks that lose what was not synced. docs/storage-faults.md says how a seed is run again.
@Suite struct BrokerSimulationTests {
    private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

    private static var seeds: ClosedRange<UInt64> {
        if let one = number("JACKDAW_SIMULATION_SEED") { return one...one }
        return 1...(number("JACKDAW_SIMULATION_SEEDS") ?? 100)
    }

    /// Thousands of restarts would write as many lines.
    init() { Log.shared.level = .error }

    @Test func `a broker keeps what it has answered through every crash`() throws {
        var steps = 0, crashes = 0
        var clock = timespec(), end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &clock)
        for seed in Self.seeds {
            let simulation = BrokerSimulation(seed: seed)
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
            "broker simulation: seeds \(Self.seeds.lowerBound) to \(Self.seeds.upperBound), \(steps) steps, \(crashes) crashes, "
                + "\(Int(Double(Self.seeds.count) / seconds)) seeds/s")
    }

    @Test func `a broker that forgets to sync its files is found out`() {
        #expect(Self.finds { $0.ignoresFileSync = true })
    }

    private static func finds(_ bug: (inout SimulatedDisk.Faults) -> Void) -> Bool {
        for seed in UInt64(1)...300 {
            let simulation = BrokerSimulation(seed: seed)
            bug(&simulation.disk.faults)
            do { try simulation.run() } catch { return true }
        }
        return false
    }
}
