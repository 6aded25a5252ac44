/// One packet with content, as tshark prints it: fields between tabs.
struct CaptureLine {
    static let fields = [
        "frame.time_epoch", "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
        "tcp.seq",
        "tcp.len", "tcp.flags.fin", "tcp.flags.reset", "frame.protocols", "tcp.payload", "data.data",
    ]

    var timeMs: Double
    var stream: Int
    var source: Address
    var destination: Address
    var sequence: UInt32
    var length: Int
    var isClosing: Bool
    /// What the packet carries for Kafka: of TLS what was inside, nil where tshark could not decrypt.
    var content: [UInt8]?
    var isTLS: Bool

    init?(_ line: Substring) {
        let cells = line.split(separator: Character("\t"), omittingEmptySubsequences: false).map(String.init)
        guard cells.count == Self.fields.count else { return nil }
        func cell(_ name: String) -> String { cells[Self.fields.firstIndex(of: name)!] }
        // Some tsharks print flags as True, others as 1.
        func flag(_ name: String) -> Bool { ["1", "True"].contains(cell(name)) }
        guard let seconds = Double(cell("frame.time_epoch")), let stream = Int(cell("tcp.stream")),
            let sourcePort = Int(cell("tcp.srcport")), let destinationPort = Int(cell("tcp.dstport")),
            let sequence = UInt32(cell("tcp.seq")), let length = Int(cell("tcp.len"))
        else { return nil }
        timeMs = seconds * 1000
        self.stream = stream
        source = Address(host: cell("ip.src") + cell("ipv6.src"), port: sourcePort)
        destination = Address(host: cell("ip.dst") + cell("ipv6.dst"), port: destinationPort)
        self.sequence = sequence
        self.length = length
        isClosing = flag("tcp.flags.fin") || flag("tcp.flags.reset")
        isTLS = cell("frame.protocols").split(separator: ":").contains("tls")
        if isTLS {
            let inside = cell("data.data").replacing(",", with: "")
            content = inside.isEmpty ? nil : Hex.decode(inside.replacing(":", with: ""))
        } else {
            content = Hex.decode(cell("tcp.payload").replacing(":", with: ""))
        }
    }
}
