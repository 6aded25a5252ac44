internal import Glibc
package import TLS

/// Certificates for a proxy that clients reach by TLS.
package enum ProxyCertificates {
    package static func make(in directory: String) throws -> (context: TLSContext, authorityFile: String) {
        let certificates = SelfMadeCertificates(
            directory: directory, names: SelfMadeCertificates.usualNames, makesClient: false)
        _ = try certificates.ensure(nowSeconds: Int64(time(nil)))
        return (try TLSContext(server: certificates.configuration(requiresClient: false)), certificates.authorityFile)
    }
}
