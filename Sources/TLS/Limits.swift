/// The bounds of this room.
enum Limits {
    /// The largest key or trust store file that is read, bytes. The largest bundles of public certificates have 1 MB.
    static let storeFileBytes = 16 << 20
    /// The most certificates that one store may hold.
    static let storeCertificates = 10_000
    /// How long a session ticket is good for, seconds. A resumed session is not checked against the trust store again.
    static let sessionSeconds = 7200
    /// The certificates of our own making last so long; the server's is renewed when a third of its time is left.
    static let authorityDays = 3650
    static let certificateDays = 365
    /// Between two looks whether one of them must be renewed, seconds.
    static let renewalCheckSeconds: Int64 = 3600
    /// A clock that is a little behind must not find a fresh certificate "not yet valid", seconds.
    static let clockSkewSeconds = 3600
    /// From how many days before its end on a certificate is warned of.
    static let expiryWarningDays = 14
}
