import Telemetry
import TestKit
import Testing

@testable import PartitionLog

/// A partition's log on a disk that loses what was not synced, against what the log was asked to keep.
/// docs/storage-faults.md lists the faults. A seed that fails is run again by
/// `SWIFT_DETERMINISTIC_HASHING=1 JACKDAW_SIMULATION_SEED=<seed> swift test --filter SimulationTests`.
@Suite struct SimulationTests {
    /// Thousands of restarts would write as many lines.
    init() { Log.shared.level = .error }

    @Test func `what was acknowledged as flushed survives every crash, and what is there is right`() {
        SimulationSeeds.run(Simulation.self, named: "simulation", usually: 300)
    }

    @Test func `a log that forgets to sync its files is found out`() {
        #expect(SimulationSeeds.find(in: Simulation.self, among: 200) { $0.disk.faults.ignoresFileSync = true })
    }

    @Test func `a log that forgets to sync its directory is found out`() {
        #expect(SimulationSeeds.find(in: Simulation.self, among: 200) { $0.disk.faults.ignoresDirectorySync = true })
    }
}
