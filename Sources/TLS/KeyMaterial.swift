internal import COpenSSL

/// The side's own certificate, its chain and its key.
struct KeyMaterial {
    let key: PrivateKey
    let certificate: Certificate
    /// What stands between the certificate and the root, in order; a root is not sent, whoever trusts it has it.
    let chain: [Certificate]

    /// Nil where the configuration names no key store.
    init?(_ configuration: TLSConfiguration) throws(TLSError) {
        let prefix = configuration.keyPrefix
        let keys: [PrivateKey]
        let certificates: [Certificate]
        let name: String
        if let inline = configuration.keystoreKey {
            guard let chain = configuration.keystoreCertificateChain else {
                throw TLSError(.configuration, "\(prefix)ssl.keystore.key is set, and \(prefix)ssl.keystore.certificate.chain is not")
            }
            guard configuration.keystoreLocation == nil else {
                throw TLSError(
                    .configuration, "both \(prefix)ssl.keystore.key and \(prefix)ssl.keystore.location are set: one of them is enough")
            }
            name = "\(prefix)ssl.keystore.key"
            keys = try Self.pem(inline, name: name, configuration).keys
            certificates = try Self.pem(chain, name: "\(prefix)ssl.keystore.certificate.chain", configuration).certificates
        } else if let location = configuration.keystoreLocation {
            name = "\(prefix)ssl.keystore.location=\(location)"
            let bytes = try StoreFile.read(location, name: name)
            switch try StoreContent.recognise(bytes, path: location, name: name) {
            case .pem(let blocks):
                let material = try PEMMaterial(
                    blocks, password: configuration.keyPassword ?? configuration.keystorePassword,
                    passwordKey: "\(prefix)ssl.key.password", name: name, wantsKeys: true)
                certificates = material.certificates
                keys = try configuration.keyLocation.map { (path) throws(TLSError) in
                    try Self.pem(
                        String(decoding: StoreFile.read(path, name: path), as: UTF8.self), name: path, configuration).keys
                } ?? material.keys
            case .pkcs12(let bytes):
                let store = try PKCS12Content(
                    bytes, password: configuration.keystorePassword ?? configuration.keyPassword,
                    passwordKey: "\(prefix)ssl.keystore.password", name: name)
                (keys, certificates) = (store.key.map { [$0] } ?? [], store.certificates)
            }
        } else {
            if configuration.keystoreCertificateChain != nil {
                throw TLSError(.configuration, "\(prefix)ssl.keystore.certificate.chain is set, and \(prefix)ssl.keystore.key is not")
            }
            return nil
        }
        try self.init(keys: keys, certificates: certificates, name: name)
    }

    private init(keys: [PrivateKey], certificates: [Certificate], name: String) throws(TLSError) {
        guard let key = keys.first else {
            throw TLSError(
                .material,
                "\(name): no private key in it (PKCS#8 or PKCS#1 PEM expected; an encrypted one needs ssl.key.password)")
        }
        guard !certificates.isEmpty else { throw TLSError(.material, "\(name): a private key, and no certificate") }
        guard let own = certificates.first(where: { $0.has(privateKey: key) }) else {
            ERR_clear_error()
            throw TLSError(
                .material, "\(name): the private key belongs to none of the \(certificates.count) certificates, the first being \(certificates[0].subject)")
        }
        ERR_clear_error()
        self.key = key
        certificate = own
        var chain: [Certificate] = []
        var last = own
        while !last.isSelfIssued, chain.count < certificates.count,
            let issuer = certificates.first(where: { last.isIssued(by: $0) && !$0.isSelfIssued })
        {
            if issuer == own || chain.contains(where: { $0 == issuer }) { break }
            chain.append(issuer)
            last = issuer
        }
        self.chain = chain
    }

    private static func pem(
        _ text: String, name: String, _ configuration: TLSConfiguration
    ) throws(TLSError) -> PEMMaterial {
        let blocks: [PEMBlock]
        do { blocks = try PEMText.blocks(Array(text.utf8)) } catch { throw TLSError(.material, "\(name): \(error.message)") }
        guard !blocks.isEmpty else { throw TLSError(.material, "\(name): PEM expected (-----BEGIN ...)") }
        return try PEMMaterial(
            blocks, password: configuration.keyPassword, passwordKey: "\(configuration.keyPrefix)ssl.key.password", name: name,
            wantsKeys: true)
    }
}
