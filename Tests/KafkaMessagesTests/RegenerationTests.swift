import Foundation
import Testing
import TestKit

@Suite struct RegenerationTests {
    /// The generator beside the test program: both are built by the same `swift build --build-tests`.
    private var generator: URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("ProtocolGenerator")
    }

    @Test func `the generated sources are what the generator makes of the schema`() throws {
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("generated-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = generator
        process.arguments = ["--root", GoldenVectors.root.path, "--output", output.path]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)

        let made = try files(below: output)
        #expect(made.count > 290)
        for path in made {
            let committed = try? Data(contentsOf: GoldenVectors.root.appendingPathComponent(path))
            let fresh = try Data(contentsOf: output.appendingPathComponent(path))
            #expect(committed == fresh, "\(path) differs: run tools/generate")
        }
        // Nothing else may stand in the folders that are generated whole.
        let messages = ["Requests", "Responses", "Headers", "Records"].map { "Sources/KafkaMessages/\($0)" }
        for folder in messages + ["Sources/Configuration/Generated", "compat/KafkaSchema/Generated"] {
            for path in try files(below: GoldenVectors.root.appendingPathComponent(folder)) {
                #expect(made.contains("\(folder)/\(path)"), "\(folder)/\(path) is not generated")
            }
        }
    }

    private func files(below folder: URL) throws -> Set<String> {
        Set(
            try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
                path.hasSuffix(".swift")
            })
    }
}
