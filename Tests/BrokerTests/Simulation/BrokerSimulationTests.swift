import Telemetry
import TestKit
import Testing

/// Whole brokers on disks that lose what was not synced. docs/storage-faults.md says how a seed is run again.
@Suite struct BrokerSimulationTests {
    /// Thousands of restarts would write as many lines.
    init() { Log.shared.level = .error }

    @Test func `a broker keeps what it has answered through every crash`() {
        SimulationSeeds.run(BrokerSimulation.self, named: "broker simulation", usually: 100)
    }

    @Test func `a broker that forgets to sync its files is found out`() {
        #expect(SimulationSeeds.find({ $0.ignoresFileSync = true }, in: BrokerSimulation.self, among: 300))
    }
}
