/// One authentication as it was recorded and as it happens now. The client's first message is sent as recorded; where the
/// broker's nonce enters, what follows from it is computed anew.
package struct SaslTranscript: Sendable {
    package var mechanism: String
    /// Passwords by user and mechanism, from the fixture's setup.
    private let passwords: [String: String]

    private var clientFirst: [UInt8] = []
    private var recordedServerFirst: ScramMessage?
    private var liveServerFirst: ScramMessage?
    private var recordedClientFinal: ScramMessage?
    private var liveClientFinal: ScramMessage?

    package init(mechanism: String, passwords: [String: String]) {
        self.mechanism = mechanism
        self.passwords = passwords
    }

    package static func key(user: String, mechanism: String) -> String { "\(mechanism) \(user)" }

    private var isScram: Bool { mechanism.hasPrefix("SCRAM-") }

    /// The token to send in place of a recorded one.
    package mutating func liveToken(for recorded: [UInt8]) -> [UInt8] {
        guard isScram else { return recorded }
        let message = ScramMessage(recorded)
        guard message["p"] != nil, let recordedServerFirst, let liveServerFirst else {
            clientFirst = recorded
            return recorded
        }
        recordedClientFinal = message
        var live = message
        live["r"] = Self.renewed(message["r"], from: recordedServerFirst["r"], to: liveServerFirst["r"])
        let secret = secret
        // A proof that was wrong when it was recorded is wrong again: nobody here knows the right one to spoil.
        if let secret,
            let proof = secret.proof(for: message, serverFirst: recordedServerFirst, clientFirst: clientFirst),
            proof == message["p"],
            let renewed = secret.proof(for: live, serverFirst: liveServerFirst, clientFirst: clientFirst)
        {
            live["p"] = renewed
        }
        liveClientFinal = live
        return live.bytes
    }

    /// The nonce that the client sends back: what it added to the broker's it adds again. librdkafka before 2.8 put its own before it
    /// once more, which brokers of today refuse.
    private static func renewed(_ sent: String?, from recorded: String?, to live: String?) -> String? {
        guard let sent, let recorded, let live, sent.hasSuffix(recorded) else { return sent }
        return String(sent.dropLast(recorded.count)) + live
    }

    /// The broker's token came: remember both forms of it.
    package mutating func answered(recorded: [UInt8], live: [UInt8]) {
        guard isScram, recordedServerFirst == nil else { return }
        recordedServerFirst = ScramMessage(recorded)
        liveServerFirst = ScramMessage(live)
    }

    /// Whether a broker's token is as good as the recorded one: the client's nonce goes on, salt and iterations are the same, the
    /// signature is right.
    package func accepts(recorded: [UInt8], live: [UInt8]) -> Bool {
        guard isScram else { return recorded == live }
        let one = ScramMessage(recorded)
        let other = ScramMessage(live)
        if one["v"] != nil, let signature = other["v"] {
            guard let liveServerFirst, let liveClientFinal else { return false }
            return secret?.signature(for: liveClientFinal, serverFirst: liveServerFirst, clientFirst: clientFirst)
                == signature
        }
        guard one["r"] != nil, let nonce = other["r"] else { return recorded == live }
        let clientNonce = ScramMessage(clientFirst)["r"] ?? ""
        return nonce.hasPrefix(clientNonce) && nonce.count > clientNonce.count && one["s"] == other["s"]
            && one["i"] == other["i"]
    }

    private var secret: ScramSecret? {
        guard let user = ScramMessage(clientFirst)["n"],
            let password = passwords[Self.key(user: user, mechanism: mechanism)]
        else { return nil }
        return ScramSecret(mechanism: mechanism, password: password)
    }
}

/// `a=…,b=…` of RFC 5802, in order. A part without `=` (the GS2 header's) is kept as it is.
struct ScramMessage: Sendable {
    private var parts: [String]

    init(_ bytes: [UInt8]) {
        parts = String(decoding: bytes, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false).map(
            String.init)
    }

    subscript(_ name: String) -> String? {
        get { parts.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } }
        set {
            guard let newValue, let index = parts.firstIndex(where: { $0.hasPrefix(name + "=") }) else { return }
            parts[index] = "\(name)=\(newValue)"
        }
    }

    var text: String { parts.joined(separator: ",") }
    var bytes: [UInt8] { Array(text.utf8) }

    /// Without the proof: what both sides sign.
    var withoutProof: String { parts.filter { !$0.hasPrefix("p=") }.joined(separator: ",") }
}
