internal import Glibc

/// A command that runs beside this program, with its own terminal.
package final class ChildProcess {
    private let process: pid_t
    private var status: Int?

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// The words are run as they are, without a shell; `variables` (`NAME=VALUE`) are added to the environment. `output` and
    /// `errors` take the place of the standard descriptors where they are given. With a group of its own, what the command started can
    /// be ended with it, and the terminal's signals do not reach it.
    package init(
        _ words: [String], variables: [String] = [], output: Int32? = nil, errors: Int32? = nil, ownGroup: Bool = false
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if ownGroup { posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) }
        if let output { posix_spawn_file_actions_adddup2(&actions, output, 1) }
        if let errors { posix_spawn_file_actions_adddup2(&actions, errors, 2) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that this program has blocked for its own purposes reach the command.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | (ownGroup ? Int16(POSIX_SPAWN_SETPGROUP) : 0))
        var environment: [UnsafeMutablePointer<CChar>?] = []
        var entry = environ
        while let variable = entry.pointee {
            environment.append(strdup(variable))
            entry += 1
        }
        environment += variables.map { strdup($0) } + [nil]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for pointer in environment + arguments { free(pointer) } }
        var process = pid_t()
        let code = posix_spawnp(&process, words[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw Failure(description: "\(words[0]): \(String(cString: strerror(code)))") }
        self.process = process
    }

    /// The exit status once the command has ended; 128 and the signal's number if one ended it.
    package func poll() -> Int? { collect(WNOHANG) }

    package func wait() -> Int { collect(0) ?? 1 }

    package func terminate() { kill(process, SIGTERM) }

    /// Only for a command with a group of its own.
    func killGroup() { kill(-process, SIGKILL) }

    private func collect(_ flags: Int32) -> Int? {
        if let status { return status }
        var raw: Int32 = 0
        var ended: pid_t
        repeat { ended = waitpid(process, &raw, flags) } while ended < 0 && errno == EINTR
        guard ended == process else { return ended < 0 ? 1 : nil }
        // As the shell counts: WEXITSTATUS, or 128 and WTERMSIG.
        status = raw & 0x7f == 0 ? Int(raw >> 8 & 0xff) : 128 + Int(raw & 0x7f)
        return status
    }
}
