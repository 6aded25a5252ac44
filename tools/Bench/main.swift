// What Jackdaw is measured with; `tools/bench` builds it for release and hands its arguments over.

import CommandLineOptions
import Glibc

let program = CommandLineProgram(
    "bench", summary: "Measures parts of Jackdaw and the broker as a whole.", version: "1",
    commands: [CodecBenchmark.command, GroupBenchmark.command])

func fail(_ message: String, code: Int32) -> Never {
    let line = message + "\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
    exit(code)
}

do {
    switch try program.parse(CommandLineProgram.words) {
    case .print(let text): print(text, terminator: "")
    case .run(CodecBenchmark.command.name, let options): try CodecBenchmark.run(options)
    case .run(GroupBenchmark.command.name, let options): try GroupBenchmark.run(options)
    case .run(let command, _): fail("bench: nothing runs \(command)", code: 1)
    }
} catch let error as UsageError {
    fail("\(error)", code: 2)
} catch {
    fail("bench: \(error)", code: 1)
}
