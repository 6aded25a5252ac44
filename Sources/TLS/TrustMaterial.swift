/// The certificates that a peer's certificate must lead to, and the revocation lists that came with them.
struct TrustMaterial {
    let certificates: [Certificate]
    let revocationLists: [RevocationList]

    /// Nil where the configuration names no trust store.
    init?(_ configuration: TLSConfiguration) throws(TLSError) {
        let prefix = configuration.keyPrefix
        let name: String
        if let inline = configuration.truststoreCertificates {
            guard configuration.truststoreLocation == nil else {
                throw TLSError(
                    .configuration,
                    "both \(prefix)ssl.truststore.certificates and \(prefix)ssl.truststore.location are set: one of them is enough")
            }
            name = "\(prefix)ssl.truststore.certificates"
            let blocks: [PEMBlock]
            do { blocks = try PEMText.blocks(Array(inline.utf8)) } catch { throw TLSError(.material, "\(name): \(error.message)") }
            self = try Self(blocks, name: name)
        } else if let location = configuration.truststoreLocation {
            name = "\(prefix)ssl.truststore.location=\(location)"
            let bytes = try StoreFile.read(location, name: name)
            switch try StoreContent.recognise(bytes, path: location, name: name) {
            case .pem(let blocks):
                self = try Self(blocks, name: name)
            case .pkcs12(let bytes):
                certificates = try PKCS12Content(
                    bytes, password: configuration.truststorePassword, passwordKey: "\(prefix)ssl.truststore.password",
                    name: name
                ).certificates
                revocationLists = []
            }
        } else {
            return nil
        }
        guard !certificates.isEmpty else { throw TLSError(.material, "\(name): no certificate in it") }
    }

    private init(_ blocks: [PEMBlock], name: String) throws(TLSError) {
        let material = try PEMMaterial(blocks, password: nil, passwordKey: "", name: name, wantsKeys: false)
        certificates = material.certificates
        revocationLists = material.revocationLists
    }
}
