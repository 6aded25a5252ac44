internal import CommandLineOptions
internal import Glibc

// The command line: what was asked for is done elsewhere.

let version = "0.1.0"

do {
    switch try JackdawCommand.program(version: version).parse(CommandLineProgram.words) {
    case .print(let text):
        announce(text)
    case .run("inspect", let options):
        exit(inspect(InspectOptions(options)))
    case .run(_, let options):
        exit(serve(ServeOptions(options)))
    }
} catch {
    // It names the program and the command itself.
    complain(error)
    exit(2)
}
