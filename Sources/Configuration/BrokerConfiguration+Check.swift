// Rules that hold between keys, checked once at start.
extension BrokerConfiguration {
    mutating func checkAsAWhole() throws(ConfigurationError) {
        try checkRoles()
        try checkIdentity()
        try checkListeners()
        try checkRetention()
        if int(.logCleanerThreads) < 1 { throw .invalid("\(int(.logCleanerThreads))", for: "log.cleaner.threads", "at least 1 is needed") }
        try checkCleanerMemory()
        noteUnserved()
    }

    private mutating func checkRoles() throws(ConfigurationError) {
        guard let text = staticValues["process.roles"] else { return }
        let roles = list(.processRoles)
        if !roles.contains("broker") {
            throw .invalid(text, for: "process.roles", "broker must be among the roles: there is no controller without a broker here")
        }
        let names = list(.controllerListenerNames)
        if roles.contains("controller") || !names.isEmpty {
            let which = names.isEmpty ? "" : " (\(names.joined(separator: ",")))"
            note("controller listeners\(which) are left out: this node keeps its metadata itself, without a quorum")
        }
    }

    private func checkIdentity() throws(ConfigurationError) {
        guard let node = staticValues["node.id"], let broker = staticValues["broker.id"] else { return }
        if Int64(node.trimmingBlanks) != Int64(broker.trimmingBlanks) && Int64(broker.trimmingBlanks) ?? -1 >= 0 {
            throw ConfigurationError(
                key: "broker.id", value: broker,
                message: "You must set `node.id` to the same value as `broker.id`.")
        }
    }

    private mutating func checkListeners() throws(ConfigurationError) {
        let listeners = try listeners()
        _ = try advertisedListeners(of: listeners)
        _ = try interBrokerListenerName(among: listeners)
        if staticValues["process.roles"] == nil, !list(.controllerListenerNames).isEmpty {
            note("controller listeners (\(list(.controllerListenerNames).joined(separator: ","))) are left out")
        }
        if staticValues["log.dirs"] != nil, logDirectories.isEmpty {
            throw .invalid("", for: "log.dirs", "at least one directory is needed")
        }
        if listeners.count > Self.maximumListeners {
            throw .invalid("\(listeners.count) listeners", for: "listeners", "at most \(Self.maximumListeners) are allowed")
        }
    }

    static let maximumListeners = 64

    func checkCleanerMemory() throws(ConfigurationError) {
        let bytes = integer(.logCleanerDedupeBufferSize)
        guard bytes / max(1, integer(.logCleanerThreads)) <= 1 << 20 else { return }
        throw ConfigurationError(
            key: "log.cleaner.dedupe.buffer.size", value: "\(bytes)",
            message: "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.")
    }

    func checkRetention() throws(ConfigurationError) {
        for key in SynonymGroup.retention.keys where isSet(key) && optionalInteger(key) == 0 {
            throw ConfigurationError(
                key: key.name, value: "0", message: "\(key.name) must be unlimited (-1) or, greater than or equal to 1")
        }
        for key in [BrokerKey.logRollMs, .logRollJitterMs] where isSet(key) {
            let least: Int64 = key == .logRollMs ? 1 : 0
            if let value = optionalInteger(key), value < least {
                throw ConfigurationError(
                    key: key.name, value: "\(value)", message: "\(key.name) must be greater than or equal to \(least)")
            }
        }
    }
}
