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
        #expect(SimulationSeeds.find(in: BrokerSimulation.self, among: 300) { $0.disk.faults.ignoresFileSync = true })
    }

    @Test func `a broker that does not hear of failed writes is found out`() {
        #expect(SimulationSeeds.find(in: BrokerSimulation.self, among: 300) { $0.disk.faults.hidesFailures = true })
    }

    @Test func `a broker that lets members of former generations in is found out`() {
        #expect(SimulationSeeds.find(in: BrokerSimulation.self, among: 300) { $0.bug = .hasNoFences })
    }

    @Test func `a coordinator that tells of commits before they are written is found out`() {
        #expect(SimulationSeeds.find(in: BrokerSimulation.self, among: 1000) { $0.bug = .tellsTooEarly })
    }
}
