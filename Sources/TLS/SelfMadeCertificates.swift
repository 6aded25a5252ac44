internal import Glibc
internal import COpenSSL

/// The certificates of a broker that was given none: an authority, a server certificate that it signed, and, where asked
/// for, one for clients. They are plain files in a log directory, since Apache Kafka refuses to start over a folder there
/// that is no partition.
package struct SelfMadeCertificates: Sendable {
    package let directory: String
    /// Host names and addresses that the server's certificate bears.
    package let names: [String]
    /// Whether there is to be a certificate for clients.
    package let makesClient: Bool

    package var authorityFile: String { directory + "/jackdaw-ca.pem" }
    /// The authority's key: only renewals need it.
    package var authorityKeyFile: String { directory + "/jackdaw-ca.key" }
    package var serverFile: String { directory + "/jackdaw-server.pem" }
    package var serverKeyFile: String { directory + "/jackdaw-server.key" }
    /// Key and certificate in one file, as Java's clients want PEM; librdkafka and Python take the same file twice.
    package var clientFile: String { directory + "/jackdaw-client.pem" }

    package init(directory: String, names: [String], makesClient: Bool) {
        self.directory = directory
        var distinct: [String] = []
        for name in names where MadeCertificate.alternativeName(name) != nil && !distinct.contains(name) { distinct.append(name) }
        self.names = distinct
        self.makesClient = makesClient
    }

    /// What every server's certificate bears: this machine by its usual names.
    package static var usualNames: [String] {
        var buffer = [CChar](repeating: 0, count: 256)
        gethostname(&buffer, buffer.count - 1)
        let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return ["localhost", host, "127.0.0.1", "::1"].filter { !$0.isEmpty }
    }

    package enum Made: Sendable { case authority, server, client }

    /// Makes what is missing, does not fit or ends soon, and says what that was. To be called at the start and now and
    /// then; a `TLSContextKeeper` over the files takes up what changed.
    package func ensure(nowSeconds now: Int64) throws(TLSError) -> [Made] {
        var made: [Made] = []
        var authority = load(authorityFile, authorityKeyFile)
        // Whoever trusts an authority must not be cut off by the end of what it signed last.
        let certificateSeconds = Int64(Limits.certificateDays) * 86_400
        let isAuthorityGood = readCertificate(authorityFile).map { $0.notAfter > now + certificateSeconds } ?? false
        func signer() throws(TLSError) -> MadeCertificate {
            if let authority, isAuthorityGood || made.contains(.authority) { return authority }
            let new = try MadeCertificate.authority(
                commonName: "Jackdaw CA of \(names.first { $0 != "localhost" } ?? "localhost")",
                from: now - Int64(Limits.clockSkewSeconds), to: now + Int64(Limits.authorityDays) * 86_400)
            try write(new.keyPEM, to: authorityKeyFile, isSecret: true)
            try write(new.certificatePEM, to: authorityFile, isSecret: false)
            authority = new
            made.append(.authority)
            return new
        }
        let from = now - Int64(Limits.clockSkewSeconds)
        if !isAuthorityGood || !isGood(load(serverFile, serverKeyFile), now: now, names: names) {
            let server = try signer().issue(
                commonName: names.first { $0 != "localhost" } ?? "localhost", names: names, usage: .server, from: from,
                to: now + certificateSeconds)
            try write(server.keyPEM, to: serverKeyFile, isSecret: true)
            try write(server.certificatePEM, to: serverFile, isSecret: false)
            made.append(.server)
        }
        if makesClient, made.contains(.authority) || !isGood(load(clientFile, clientFile), now: now, names: []) {
            let client = try signer().issue(
                commonName: "jackdaw-client", names: [], usage: .client, from: from, to: now + certificateSeconds)
            try write(client.keyPEM + client.certificatePEM, to: clientFile, isSecret: true)
            made.append(.client)
        }
        return made
    }

    private func isGood(_ found: MadeCertificate?, now: Int64, names: [String]) -> Bool {
        guard let found, let authority = readCertificate(authorityFile) else { return false }
        let life = found.certificate.notAfter - found.certificate.notBefore
        let wanted = names.compactMap(MadeCertificate.alternativeName)
        let present = found.certificate.alternativeNames
        return found.certificate.isIssued(by: authority) && found.certificate.notBefore <= now
            && found.certificate.notAfter - now > life / 3
            && wanted.allSatisfy { name in present.contains { Self.isSame($0, name) } }
    }

    /// Addresses come back in another spelling (`::1` does not, `0:0:0:0:0:0:0:1` does).
    private static func isSame(_ left: String, _ right: String) -> Bool {
        func binary(_ text: String) -> [UInt8]? {
            guard text.hasPrefix("IP:") else { return nil }
            var bytes = [UInt8](repeating: 0, count: 16)
            let family = text.dropFirst(3).contains(":") ? AF_INET6 : AF_INET
            return inet_pton(family, String(text.dropFirst(3)), &bytes) == 1 ? bytes : nil
        }
        if let left = binary(left), let right = binary(right) { return left == right }
        return left.lowercased() == right.lowercased()
    }

    /// What is broken or missing counts as absent: it is made anew.
    private func load(_ certificateFile: String, _ keyFile: String) -> MadeCertificate? {
        guard let certificate = readCertificate(certificateFile), let keys = try? read(keyFile).keys, let key = keys.first,
            certificate.has(privateKey: key)
        else {
            ERR_clear_error()
            return nil
        }
        return MadeCertificate(certificate: certificate, key: key)
    }

    private func readCertificate(_ path: String) -> Certificate? { (try? read(path))?.certificates.first }

    private func read(_ path: String) throws(TLSError) -> PEMMaterial {
        try PEMMaterial(
            PEMText.blocks(StoreFile.read(path, name: path)), password: nil, passwordKey: "", name: path, wantsKeys: true)
    }

    /// Readers see the old file or the new one, never a part.
    private func write(_ text: String, to path: String, isSecret: Bool) throws(TLSError) {
        let temporary = path + ".tmp"
        func failure(_ operation: String) -> TLSError {
            TLSError(.material, "\(path): \(operation): \(StoreFile.errorText(errno))")
        }
        unlink(temporary)
        let mode: mode_t = isSecret ? 0o600 : 0o644
        let fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard fd >= 0 else { throw failure("create") }
        defer { Glibc.close(fd) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write") }
            bytes = bytes.dropFirst(count)
        }
        guard fsync(fd) == 0 else { throw failure("fsync") }
        guard rename(temporary, path) == 0 else { throw failure("rename") }
    }
}

extension SelfMadeCertificates {
    /// What a listener needs to serve these files; versions, suites and mapping rules are taken from `configured`.
    package func configuration(
        requiresClient: Bool, over configured: TLSConfiguration = TLSConfiguration()
    ) -> TLSConfiguration {
        var configuration = configured
        configuration.keystoreLocation = serverFile
        configuration.keyLocation = serverKeyFile
        if requiresClient {
            configuration.clientAuthentication = .required
            if !configuration.namesTruststore { configuration.truststoreLocation = authorityFile }
        }
        return configuration
    }
}
