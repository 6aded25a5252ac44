import Glibc
import Telemetry
import Testing

/// What runs over a simulated disk by chance, the same for the same seed.
package protocol SeededSimulation: AnyObject {
    init(seed: UInt64)
    var disk: SimulatedDisk { get }
    var steps: Int { get }
    var crashes: Int { get }
    /// Throws what was found to be wrong.
    func run() throws
}

/// Runs many seeds of a simulation. docs/storage-faults.md says how one that fails is run again.
package enum SimulationSeeds {
    private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

    /// All of `JACKDAW_SIMULATION_SEED`, of `JACKDAW_SIMULATION_SEEDS` or of `usually`; ends at the first that fails.
    package static func run<Simulation: SeededSimulation>(_: Simulation.Type, named name: String, usually: UInt64) {
        let one = number("JACKDAW_SIMULATION_SEED")
        let seeds = (one ?? 1)...(one ?? number("JACKDAW_SIMULATION_SEEDS") ?? usually)
        var steps = 0, crashes = 0
        let took = ContinuousClock().measure {
            for seed in seeds {
                let simulation = Simulation(seed: seed)
                do {
                    try simulation.run()
                } catch {
                    Issue.record("seed \(seed), step \(simulation.steps): \(error)")
                    return
                }
                steps += simulation.steps
                crashes += simulation.crashes
            }
        }
        let rate = Int(Double(seeds.count) / (took / .seconds(1)))
        print("\(name): seeds \(seeds.lowerBound) to \(seeds.upperBound), \(steps) steps, \(crashes) crashes, \(rate) seeds/s")
    }

    /// Whether one of so many seeds finds a bug that is put into it.
    package static func find<Simulation: SeededSimulation>(
        in _: Simulation.Type, among seeds: UInt64, _ bug: (Simulation) -> Void
    ) -> Bool {
        for seed in 1...seeds {
            let simulation = Simulation(seed: seed)
            bug(simulation)
            do { try simulation.run() } catch { return true }
        }
        return false
    }
}
