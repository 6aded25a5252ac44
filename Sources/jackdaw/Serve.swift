internal import Broker
internal import Cluster
internal import CommandLineOptions
internal import Configuration
internal import EventLoop
internal import Files
internal import Glibc
internal import Telemetry

/// One line on standard error.
func complain(_ text: String) { complain(UsageError("jackdaw: \(text)")) }

/// The same about the command line, which names the program and the command already.
func complain(_ error: UsageError) {
    var line = error.description + "\n"
    line.withUTF8 { bytes in _ = write(2, bytes.baseAddress, bytes.count) }
}

/// On standard output, at once: a script may wait for it.
func announce(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = write(1, bytes.baseAddress, bytes.count) }
}

/// Runs a broker until it is told to stop; the process's exit code.
func serve(_ options: ServeOptions) -> Int32 {
    SignalChannel.block([SIGTERM, SIGINT])
    raiseDescriptorLimit()
    if options.logsJSON { Log.shared.format = .json }
    if let level = LogLevel(name: options.logLevel) { Log.shared.level = level }
    do throws(StartFailure) {
        var release: EmulatedRelease?
        if let name = options.emulate {
            release = EmulatedRelease(name)
            guard release != nil else {
                throw StartFailure("--emulate=\(name): one of \(EmulatedRelease.known.joined(separator: ", ")) is expected")
            }
        }
        for topic in options.topics {
            if let problem = TopicName.problem(topic.name) { throw StartFailure("--topic=\(topic.name): \(problem)") }
        }
        let configuration = try configuration(options, KeyList(release))
        let process = try BrokerProcess(
            configuration, clusterId: options.clusterId, emulating: release, leavingBehind: options.leavesBehind)
        try process.start(options)
        try process.run()
        return 0
    } catch {
        complain(error.description)
        return 1
    }
}

/// Why a start is given up: one clear line.
struct StartFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

private func configuration(_ options: ServeOptions, _ keys: KeyList) throws(StartFailure) -> BrokerConfiguration {
    var properties: String?
    if let path = options.configFile {
        var bytes: [UInt8]?
        do throws(FileError) {
            bytes = try PosixFileSystem().contents(path, limit: 1 << 20)
        } catch {
            throw StartFailure("--config=\(path): \(error)")
        }
        guard let bytes else { throw StartFailure("--config=\(path): there is no such file") }
        properties = String(decoding: bytes, as: UTF8.self)
    }
    do throws(ConfigurationError) {
        return try BrokerConfiguration(
            serverProperties: properties, settings: options.settings, port: options.port, dataDirectory: options.dataDirectory,
            tls: options.tls, keys: keys)
    } catch {
        throw StartFailure(error.description)
    }
}

/// As many descriptors as the system allows: each connection and each open segment takes one.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
