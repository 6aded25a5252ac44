internal import Crypto
internal import KafkaSchema

/// What a client with the right password can compute (RFC 5802).
struct ScramSecret {
    private let function: HashFunction
    private let password: String

    /// The bound on iterations that Kafka itself sets; a broker that names more would cost us minutes.
    private static let maximumIterations = 1 << 20

    init?(mechanism: String, password: String) {
        switch mechanism {
        case "SCRAM-SHA-256": function = .sha256
        case "SCRAM-SHA-512": function = .sha512
        default: return nil
        }
        self.password = password
    }

    func proof(for clientFinal: ScramMessage, serverFirst: ScramMessage, clientFirst: [UInt8]) -> String? {
        guard let salted = saltedPassword(serverFirst) else { return nil }
        let clientKey = function.hmac(key: salted, Array("Client Key".utf8))
        let signed = authMessage(clientFinal, serverFirst, clientFirst)
        let signature = function.hmac(key: function.digest(clientKey), signed)
        return Base64.encode(zip(clientKey, signature).map { $0 ^ $1 })
    }

    /// What the broker must answer.
    func signature(for clientFinal: ScramMessage, serverFirst: ScramMessage, clientFirst: [UInt8]) -> String? {
        guard let salted = saltedPassword(serverFirst) else { return nil }
        let serverKey = function.hmac(key: salted, Array("Server Key".utf8))
        return Base64.encode(function.hmac(key: serverKey, authMessage(clientFinal, serverFirst, clientFirst)))
    }

    /// The form in which credentials are given to a broker.
    func salted(salt: [UInt8], iterations: Int) -> [UInt8] {
        function.pbkdf2(
            password: Array(password.utf8), salt: salt, iterations: min(iterations, Self.maximumIterations),
            count: function.digestBytes)
    }

    private func saltedPassword(_ serverFirst: ScramMessage) -> [UInt8]? {
        guard let salt = serverFirst["s"].flatMap({ Base64.decode($0) }),
            let iterations = serverFirst["i"].flatMap({ Int($0) }),
            (1...Self.maximumIterations).contains(iterations)
        else { return nil }
        return salted(salt: salt, iterations: iterations)
    }

    private func authMessage(_ clientFinal: ScramMessage, _ serverFirst: ScramMessage, _ clientFirst: [UInt8])
        -> [UInt8]
    {
        // The GS2 header (`n,,` or with an authorization identity) is not part of what is signed.
        let first = String(decoding: clientFirst, as: UTF8.self).split(
            separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
        let bare = first.count == 3 ? String(first[2]) : ""
        return Array("\(bare),\(serverFirst.text),\(clientFinal.withoutProof)".utf8)
    }
}
