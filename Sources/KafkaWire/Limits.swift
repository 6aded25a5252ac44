/// The bounds of this room.
public enum WireLimits {
    /// The longest string, in bytes of UTF-8. Kafka refuses longer ones in compact form too, where the length could say more.
    public static let stringBytes = 32_767

    /// The bytes that a writer keeps free after everything of variable size, so that the fixed part of a struct that
    /// follows is stored without a check. The generator refuses a struct whose fixed part is larger.
    @inlinable public static var fixedPartBytes: Int { 320 }

    /// What one arena may lend for decoding, in bytes: a struct in memory is larger than on the wire (up to thirty
    /// times for small elements), so the size of a frame does not bound it. A whole-cluster Metadata answer with
    /// 200,000 partitions takes about 30 MB.
    public static let arenaBytes = 256 << 20

    /// What an arena keeps for the next request, in bytes.
    public static let arenaKeptBytes = 1 << 20
}
