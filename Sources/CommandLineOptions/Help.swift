extension CommandLineProgram {
    /// What `--help` prints.
    package var help: String {
        var text = "\(name) \(version): \(summary)\n\n"
        let width = commands.map { $0.name.utf8.count }.max() ?? 0
        text += "usage: \(name) COMMAND [OPTIONS]\n\n"
        for command in commands { text += "  \(command.name.padded(to: width))  \(command.summary)\n" }
        for command in commands where !command.examples.isEmpty {
            text += "\nexamples:\n" + command.examples.map { "  \($0)\n" }.joined()
        }
        return text + "\n\(name) COMMAND --help explains a command, \(name) --version prints the version.\n"
    }

    /// What `COMMAND --help` prints.
    package func help(for command: Command) -> String {
        var text = "usage: \(name) \(command.name)"
        if !command.options.isEmpty { text += " [OPTIONS]" }
        if let arguments = command.arguments { text += " \(arguments)" }
        text += "\n\n\(command.summary)\n"
        if !command.details.isEmpty { text += "\n\(command.details)\n" }
        if !command.options.isEmpty { text += "\noptions:\n" }
        let width = command.options.map { $0.usage.utf8.count }.max() ?? 0
        for option in command.options {
            let usage = "  " + option.usage.padded(to: width) + "  "
            let lines = option.help.wrapped(to: Self.lineWidth - width - 4)
            text += usage + lines[0] + "\n"
            for line in lines.dropFirst() { text += String(repeating: " ", count: width + 4) + line + "\n" }
        }
        if !command.examples.isEmpty { text += "\nexamples:\n" + command.examples.map { "  \($0)\n" }.joined() }
        return text
    }

    private static let lineWidth = 100
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - utf8.count)) }

    /// Lines of at most `width` characters, broken at blanks.
    func wrapped(to width: Int) -> [String] {
        var lines = [""]
        for word in split(separator: " ") {
            if !lines[lines.count - 1].isEmpty && lines[lines.count - 1].count + 1 + word.count > width { lines.append("") }
            if !lines[lines.count - 1].isEmpty { lines[lines.count - 1] += " " }
            lines[lines.count - 1] += word
        }
        return lines
    }
}
