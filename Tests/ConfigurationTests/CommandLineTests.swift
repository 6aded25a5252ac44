import CommandLineOptions
import Testing

struct CommandLineTests {
    private let program = JackdawCommand.program(version: "1.2")

    private func serve(_ words: String...) throws -> ServeOptions {
        guard case .run("serve", let parsed) = try program.parse(["serve"] + words) else {
            throw UsageError("serve was not to be run")
        }
        return ServeOptions(parsed)
    }

    private func printed(_ words: String...) throws -> String? {
        guard case .print(let text) = try program.parse(words) else { return nil }
        return text
    }

    @Test func `every option of serve arrives`() throws {
        let options = try serve(
            "--config", "s.properties", "--set", "a=b=c", "--set=d=", "--port=0", "--data", "/d", "--topic", "t:3",
            "--topic=u", "--emulate", "3.9", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qk", "--log-format=json",
            "--tls=require-client", "--log-level=debug")
        #expect(options.configFile == "s.properties")
        #expect(options.settings.map(\.key) == ["a", "d"])
        #expect(options.settings.map(\.value) == ["b=c", ""])
        #expect(options.port == 0)
        #expect(options.dataDirectory == "/d")
        #expect(options.topics.map(\.name) == ["t", "u"])
        #expect(options.topics.map(\.partitions) == [3, 1])
        #expect(options.emulate == "3.9")
        #expect(options.clusterId == "MkU3OEVBNTcwNTJENDM2Qk")
        #expect(options.logsJSON && options.tls && options.tlsRequiresClient)
        #expect(options.logLevel == "debug")
        #expect(try serve().port == nil && serve().logLevel == "info")
        let plain = try serve("--tls")
        #expect(plain.tls && !plain.tlsRequiresClient)
    }

    @Test(arguments: [
        (["serve", "--port", "x"], "jackdaw serve: --port=x: a number from 0 to 65535 is expected"),
        (["serve", "--port"], "jackdaw serve: --port needs a value: --port N"),
        (["serve", "--port", "--data"], "jackdaw serve: --port needs a value: --port N"),
        (["serve", "--prot", "1"], "jackdaw serve: no option --prot; did you mean --port? See jackdaw serve --help"),
        (["serve", "--port", "1", "--port", "2"], "jackdaw serve: --port is given twice"),
        (["serve", "9092"], "jackdaw serve: 9092 is not an option; options begin with --. See jackdaw serve --help"),
        (["serve", "--topic", "a:0"], "jackdaw serve: --topic=a:0: NAME or NAME:PARTITIONS is expected"),
        (["serve", "--set", "=x"], "jackdaw serve: --set==x: KEY=VALUE is expected"),
        (["serve", "--log-level", "loud"], "jackdaw serve: --log-level=loud: one of debug, info, warn, error is expected"),
        (["serve", "--tls=yes"], "jackdaw serve: --tls=yes: require-client is the only value"),
        (["sreve"], "jackdaw: no command sreve; did you mean serve? Commands: serve, inspect. See jackdaw --help"),
        (["start-all"], "jackdaw: no command start-all. Commands: serve, inspect. See jackdaw --help"),
    ])
    func `what cannot be understood is one line that helps`(words: [String], message: String) {
        #expect(throws: UsageError(message)) { try program.parse(words) }
    }

    @Test func `inspect takes paths and what is wanted of them`() throws {
        guard case .run("inspect", let parsed) = try program.parse(["inspect", "/a", "--json", "/b", "--verify"]) else {
            throw UsageError("inspect was not to be run")
        }
        let options = InspectOptions(parsed)
        #expect(options.paths == ["/a", "/b"])
        #expect(options.json && options.verify && !options.batchesOnly)
        let help = try #require(try printed("inspect", "--help"))
        #expect(help.contains("DIR... | FILE") && help.contains("--verify"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 120 })
        #expect(try serve("--leave-behind", "tiered", "--leave-behind=share").leavesBehind == ["tiered", "share"])
        #expect(throws: UsageError("jackdaw serve: --leave-behind=all: one of replicas, tiered, share is expected")) {
            try program.parse(["serve", "--leave-behind", "all"])
        }
    }

    @Test func `help and version`() throws {
        #expect(try printed("--version") == "jackdaw 1.2\n")
        let help = try #require(try printed("--help"))
        #expect(help.contains("serve") && help.contains("examples:"))
        #expect(try printed() == help)
        let serve = try #require(try printed("serve", "--help"))
        #expect(try printed("help", "serve") == serve)
        for option in ["--config FILE", "--set KEY=VALUE", "--port N", "--data DIR", "--tls[=require-client]"] {
            #expect(serve.contains(option))
        }
        #expect(serve.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }
}
