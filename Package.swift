// swift-tools-version: 6.2
import PackageDescription
import class Foundation.ProcessInfo

// JACKDAW_LINK=static is set by tools/build for the release binary; see ARCHITECTURE.md, "The release binary".
let linksStatically = ProcessInfo.processInfo.environment["JACKDAW_LINK"] == "static"

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
// Swift's regular expressions are imported everywhere unless one says no, and some algorithms of strings are theirs: a tenth of what a
// start has to relocate and to look through.
let withoutRegex: [SwiftSetting] = [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]

/// A room of the house: its sources stand in `Sources/NAME`; what is elsewhere is proof and tools.
func room(_ name: String, _ imports: [Target.Dependency], path: String? = nil) -> Target {
    .target(name: name, dependencies: imports, path: path, swiftSettings: path == nil ? strict + withoutRegex : strict)
}

func command(_ name: String, _ imports: [Target.Dependency], path: String? = nil, exclude: [String] = []) -> Target {
    .executableTarget(
        name: name, dependencies: imports, path: path, exclude: exclude,
        swiftSettings: path == nil ? strict + withoutRegex : strict, linkerSettings: foreign)
}

// libsnappy.a is C++; OpenSSL's archive comes in place of the shared library.
let foreign: [LinkerSetting] = linksStatically ? [.unsafeFlags(["-Xlinker", "-lstdc++"])] : []

// Its malloc stands before the C library's, of which the rest is needed.
let countsAllocations: [LinkerSetting] = linksStatically ? [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "muldefs"])] : []

func tests(_ name: String, _ imports: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: imports, resources: resources, swiftSettings: strict)
}

let package = Package(
    name: "jackdaw",
    products: [
        .executable(name: "jackdaw", targets: ["jackdaw"]),
        .executable(name: "jackdaw-compat", targets: ["jackdaw-compat"]),
    ],
    targets: [
        // The C libraries of Debian.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),

        // The broker, from the bottom up. ARCHITECTURE.md has the same table with a sentence for each.
        .target(name: "CJackdaw", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CTLS", dependencies: ["COpenSSL"]),
        room("KafkaWire", []),
        room("KafkaMessages", ["KafkaWire"]),
        room("KafkaRecords", ["KafkaWire", "CJackdaw", "CZlib", "CLZ4", "CZstd", "CSnappy"]),
        room("Telemetry", ["CJackdaw"]),
        room("EventLoop", ["CJackdaw", "Telemetry"]),
        room("Files", ["CJackdaw", "Telemetry"]),
        room("Crypto", ["COpenSSL"]),
        room("TLS", ["CTLS", "COpenSSL", "CPCRE2", "CJackdaw", "EventLoop", "Telemetry"]),
        room("Configuration", ["Telemetry"]),
        room("Exchange", ["KafkaWire", "KafkaMessages", "EventLoop", "Files", "Telemetry"]),
        room("PartitionLog", ["KafkaWire", "KafkaMessages", "KafkaRecords", "Files", "EventLoop", "Configuration", "Telemetry"]),
        room("Cluster", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "PartitionLog", "Files", "EventLoop", "Configuration", "Telemetry",
        ]),
        room("Replication", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "Exchange", "PartitionLog", "Cluster", "Files", "EventLoop",
            "Configuration", "Telemetry",
        ]),
        room("Groups", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "Exchange", "Cluster", "Replication", "EventLoop", "Configuration",
            "Telemetry",
        ]),
        room("Broker", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "Exchange", "Cluster", "Replication", "EventLoop", "Configuration",
            "Telemetry", "PartitionLog", "Files", "Groups",
        ]),
        room("Server", [
            "KafkaWire", "KafkaMessages", "Exchange", "Broker", "EventLoop", "Files", "TLS", "Crypto", "Configuration",
            "Telemetry", "CJackdaw",
        ]),
        room("Inspection", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "PartitionLog", "Cluster", "Replication", "Files", "EventLoop",
            "Configuration", "Telemetry", "CJackdaw",
        ]),
        room("CommandLineOptions", ["CJackdaw"]),
        command("jackdaw", [
            "CommandLineOptions", "Configuration", "Telemetry", "EventLoop", "Files", "TLS", "PartitionLog", "Cluster",
            "Replication", "Exchange", "Groups", "Broker", "Server", "Inspection", "KafkaWire", "CJackdaw",
        ]),

        // Proof and product beside the broker.
        room("KafkaSchema", [], path: "compat/KafkaSchema"),
        room("CompatKit", [
            "KafkaSchema", "KafkaWire", "KafkaRecords", "EventLoop", "TLS", "Crypto", "Telemetry", "CZlib",
        ], path: "compat/CompatKit"),
        command("jackdaw-compat", ["CompatKit", "KafkaSchema", "CommandLineOptions", "Telemetry"], path: "compat/jackdaw-compat"),

        // Tools of the house.
        command("ProtocolGenerator", [], path: "tools/ProtocolGenerator", exclude: ["Schema", "Configuration/keys.tsv"]),
        command("Bench", [
            "KafkaWire", "KafkaMessages", "KafkaRecords", "EventLoop", "TLS", "CommandLineOptions", "Telemetry", "CJackdaw",
        ], path: "tools/Bench"),
        .executableTarget(
            name: "Allocations",
            dependencies: [
                "BrokerKit", "Broker", "Cluster", "Exchange", "EventLoop", "KafkaMessages", "KafkaRecords", "KafkaWire", "Telemetry",
                "CAllocations",
            ],
            path: "tools/Allocations", swiftSettings: strict, linkerSettings: foreign + countsAllocations),

        // Tests.
        .target(
            name: "TestKit",
            dependencies: ["KafkaWire", "KafkaMessages", "KafkaRecords", "EventLoop", "Files", "Exchange", "Telemetry", "CZlib"],
            path: "Tests/TestKit", swiftSettings: strict),
        .target(
            name: "BrokerKit",
            dependencies: [
                "Server", "Broker", "Replication", "Exchange", "Cluster", "PartitionLog", "Files", "EventLoop", "Configuration",
            ],
            path: "Tests/BrokerKit", swiftSettings: strict),
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        tests("KafkaWireTests", ["KafkaWire", "TestKit"]),
        tests("KafkaMessagesTests", ["KafkaWire", "KafkaMessages", "TestKit"]),
        tests("KafkaRecordsTests", ["KafkaRecords", "KafkaWire", "TestKit"]),
        tests("EventLoopTests", ["EventLoop", "Telemetry", "TestKit"]),
        tests("FilesTests", ["Files", "TestKit"]),
        tests("TLSTests", ["TLS", "Crypto", "EventLoop", "Telemetry", "TestKit"], resources: [.copy("Fixtures")]),
        tests("ConfigurationTests", ["Configuration", "CommandLineOptions", "Telemetry", "TestKit"]),
        tests("PartitionLogTests", [
            "PartitionLog", "KafkaWire", "KafkaMessages", "KafkaRecords", "Files", "EventLoop", "Configuration", "Telemetry",
            "TestKit",
        ]),
        tests("ClusterTests", [
            "Cluster", "PartitionLog", "KafkaWire", "KafkaMessages", "KafkaRecords", "Files", "EventLoop", "Configuration",
            "Telemetry", "TestKit",
        ]),
        tests("GroupsTests", [
            "Groups", "Replication", "Exchange", "Cluster", "KafkaWire", "KafkaMessages", "KafkaRecords", "EventLoop",
            "Configuration", "Telemetry", "TestKit",
        ]),
        tests("BrokerTests", [
            "Server", "Broker", "Groups", "Replication", "Exchange", "Cluster", "PartitionLog", "KafkaWire", "KafkaMessages",
            "KafkaRecords", "Files", "EventLoop", "Configuration", "Telemetry", "TLS", "TestKit", "BrokerKit",
        ]),
        tests("InspectionTests", [
            "Inspection", "KafkaSchema", "PartitionLog", "Cluster", "KafkaWire", "KafkaMessages", "KafkaRecords", "Files", "EventLoop",
            "Configuration", "Telemetry", "TestKit",
        ]),
        tests("CompatTests", ["CompatKit", "KafkaSchema", "KafkaWire", "KafkaRecords", "EventLoop", "TLS", "Telemetry", "TestKit"]),
    ],
    swiftLanguageModes: [.v6]
)
