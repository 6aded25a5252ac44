internal import CJackdaw

/// One option of a command: parsing, errors and help all come from this row.
package struct CommandOption: Sendable {
    package enum Argument: Sendable, Equatable {
        case none
        /// `--port N` or `--port=N`; the text is what help calls the value.
        case required(String)
        /// `--tls` or `--tls=require-client`: a value only behind the equals sign.
        case optional(String)
    }

    package let name: String
    package let argument: Argument
    package let isRepeatable: Bool
    package let help: String
    /// Says what is wrong with a value, or nil.
    package let check: @Sendable (String) -> String?

    package init(
        _ name: String, _ argument: Argument = .none, repeatable: Bool = false, help: String,
        check: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.name = name
        self.argument = argument
        self.isRepeatable = repeatable
        self.help = help
        self.check = check
    }

    /// How help shows it: `--port N`.
    var usage: String {
        switch argument {
        case .none: name
        case .required(let value): "\(name) \(value)"
        case .optional(let value): "\(name)[=\(value)]"
        }
    }
}

/// A command: `jackdaw serve`, with its options and what stands behind them.
package struct Command: Sendable {
    package let name: String
    /// One line.
    package let summary: String
    /// What help says below the summary.
    package let details: String
    package let options: [CommandOption]
    /// What help calls the arguments that are no options; nil: there are none.
    package let arguments: String?
    package let examples: [String]

    package init(
        _ name: String, summary: String, details: String = "", options: [CommandOption], arguments: String? = nil,
        examples: [String] = []
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.options = options
        self.arguments = arguments
        self.examples = examples
    }
}

/// A program of one or more commands.
package struct CommandLineProgram: Sendable {
    package let name: String
    /// One sentence: what this is.
    package let summary: String
    package let version: String
    package let commands: [Command]

    package init(_ name: String, summary: String, version: String, commands: [Command]) {
        self.name = name
        self.summary = summary
        self.version = version
        self.commands = commands
    }
}

/// What the words of a command line ask for.
package enum Invocation: Sendable {
    case run(command: String, ParsedOptions)
    /// To be printed on standard output, and nothing else done.
    case print(String)
}

/// Options by name, in the order given.
package struct ParsedOptions: Sendable {
    package private(set) var options: [(name: String, value: String?)] = []
    package private(set) var arguments: [String] = []

    mutating func add(_ name: String, _ value: String?) { options.append((name, value)) }
    mutating func add(argument: String) { arguments.append(argument) }

    package func has(_ name: String) -> Bool { options.contains { $0.name == name } }
    package func value(_ name: String) -> String? { options.last { $0.name == name }?.value }
    package func values(_ name: String) -> [String] { options.filter { $0.name == name }.compactMap(\.value) }
    package func integer(_ name: String) -> Int? { value(name).flatMap { Int($0) } }
}

/// A command line that cannot be understood. The text is one line for standard error; the exit code is 2.
package struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

extension CommandLineProgram {
    /// What this process was started with, without the program's own name. `CommandLine.arguments` looks for it beside the environment,
    /// which `CJackdaw` has moved by then.
    package static var words: [String] {
        var words: [String] = []
        while let word = jd_argument(Int32(words.count + 1)) { words.append(String(cString: word)) }
        return words
    }

    /// `words` without the program's own name.
    package func parse(_ words: [String]) throws(UsageError) -> Invocation {
        guard let first = words.first else { return .print(help) }
        switch first {
        case "--help", "-h": return .print(help)
        case "--version": return .print("\(name) \(version)\n")
        case "help":
            guard words.count > 1 else { return .print(help) }
            guard let command = commands.first(where: { $0.name == words[1] }) else { throw unknownCommand(words[1]) }
            return .print(help(for: command))
        default: break
        }
        guard let command = commands.first(where: { $0.name == first }) else { throw unknownCommand(first) }
        return try parse(Array(words.dropFirst()), of: command)
    }

    private func unknownCommand(_ word: String) -> UsageError {
        let names = commands.map(\.name)
        let guess = word.nearest(among: names).map { "; did you mean \($0)?" } ?? "."
        return UsageError("\(name): no command \(word)\(guess) Commands: \(names.joined(separator: ", ")). See \(name) --help")
    }

    private func parse(_ words: [String], of command: Command) throws(UsageError) -> Invocation {
        var parsed = ParsedOptions()
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--help" || word == "-h" { return .print(help(for: command)) }
            if word == "--" {
                for argument in rest { try add(argument, to: &parsed, command) }
                break
            }
            guard word.hasPrefix("--") else {
                try add(word, to: &parsed, command)
                continue
            }
            let name = word.firstIndex(of: "=").map { String(word[..<$0]) } ?? word
            let attached = word.firstIndex(of: "=").map { String(word[word.index(after: $0)...]) }
            guard let option = command.options.first(where: { $0.name == name }) else {
                let guess = name.nearest(among: command.options.map(\.name)).map { "; did you mean \($0)?" } ?? "."
                throw UsageError("\(self.name) \(command.name): no option \(name)\(guess) See \(self.name) \(command.name) --help")
            }
            if !option.isRepeatable && parsed.has(name) {
                throw UsageError("\(self.name) \(command.name): \(name) is given twice")
            }
            parsed.add(name, try value(of: option, attached: attached, rest: &rest, command))
        }
        return .run(command: command.name, parsed)
    }

    private func add(_ argument: String, to parsed: inout ParsedOptions, _ command: Command) throws(UsageError) {
        guard command.arguments != nil else {
            throw UsageError(
                "\(name) \(command.name): \(argument) is not an option; options begin with --. "
                    + "See \(name) \(command.name) --help")
        }
        parsed.add(argument: argument)
    }

    private func value(
        of option: CommandOption, attached: String?, rest: inout ArraySlice<String>, _ command: Command
    ) throws(UsageError) -> String? {
        let place = "\(name) \(command.name): \(option.name)"
        let value: String?
        switch option.argument {
        case .none:
            if attached != nil { throw UsageError("\(place) takes no value") }
            value = nil
        case .optional: value = attached
        case .required(let what):
            if let attached {
                value = attached
            } else if let next = rest.first, !next.hasPrefix("--") {
                rest.removeFirst()
                value = next
            } else {
                throw UsageError("\(place) needs a value: \(option.usage.isEmpty ? what : option.usage)")
            }
        }
        if let value, let problem = option.check(value) { throw UsageError("\(place)=\(value): \(problem)") }
        return value
    }
}

extension String {
    /// The candidate that a typing mistake may have meant: at most two letters off.
    func nearest(among candidates: [String]) -> String? {
        let scored = candidates.map { (distance(to: $0), $0) }.filter { $0.0 <= 2 }
        return scored.min { $0.0 < $1.0 }?.1
    }

    private func distance(to other: String) -> Int {
        let (left, right) = (Array(utf8.prefix(64)), Array(other.utf8.prefix(64)))
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let cost = a == b ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = Swift.min(cost, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
