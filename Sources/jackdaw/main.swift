internal import CommandLineOptions
internal import Glibc

// The command line: what was asked for is done elsewhere.

let version = "0.1.0"

do {
    let words = Array(CommandLine.arguments.dropFirst())
    switch try JackdawCommand.program(version: version).parse(words) {
    case .print(let text):
        announce(text)
    case .run(_, let options):
        exit(serve(ServeOptions(options)))
    }
} catch {
    complain("\(error)")
    exit(2)
}
