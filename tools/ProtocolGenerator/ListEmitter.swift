/// ApiKey.swift, ErrorCode.swift and MetadataRecordType.swift: the schema's lists of names and numbers.
struct ListEmitter: Emitter {
    let ownedFolders: [String] = []

    func emit(_ schema: Schema) -> [GeneratedFile] {
        [apiKeys(schema.apis), errorCodes(schema.errors), metadataRecordTypes(schema.records)]
    }

    // MARK: ApiKey

    private func apiKeys(_ apis: [API]) -> GeneratedFile {
        .swift("\(MessageEmitter.room)/ApiKey.swift", from: "Schema/Messages") { text in
            text.comment("Kafka's API keys, with what the schema says of each.")
            text.block("package enum ApiKey: Int16, CaseIterable, Sendable") { text in
                for api in apis { text.line("case \(SwiftName.member(api.name)) = \(api.key)") }
            }
            text.line()
            text.block("extension ApiKey") { text in
                text.comment("As Kafka spells it: `ListOffsets`.")
                emitSwitch("package var name: String", apis, into: &text) { "\"\($0.name)\"" }
                text.line()
                text.comment("The versions that the codec knows. What a broker serves is its own choice among them.")
                emitSwitch("package var validVersions: ClosedRange<Int16>", apis, into: &text) { versions($0) }
                text.line()
                text.comment("A version that Kafka has but does not advertise: its form may still change.")
                text.block("package var unstableVersion: Int16?") { text in
                    text.line("switch self {")
                    for api in apis where api.unstableVersion != nil {
                        text.line("case .\(SwiftName.member(api.name)): \(api.unstableVersion!)")
                    }
                    text.line("default: nil")
                    text.line("}")
                }
                text.line()
                text.comment("The header version of a request in this version, which must be a valid one.")
                emitHeaderVersions("requestHeaderVersion", apis, into: &text) { $0.request }
                text.line()
                text.comment("The header version of a response in this version, which must be a valid one.")
                emitHeaderVersions("responseHeaderVersion", apis, into: &text) { $0.response }
            }
        }
    }

    private func versions(_ api: API) -> String {
        "\(api.request.validVersions.lowerBound)...\(api.request.validVersions.upperBound)"
    }

    private func emitSwitch(
        _ head: String, _ apis: [API], into text: inout SwiftText, _ value: (API) -> String
    ) {
        text.block(head) { text in
            text.line("switch self {")
            for api in apis { text.line("case .\(SwiftName.member(api.name)): \(value(api))") }
            text.line("}")
        }
    }

    private func emitHeaderVersions(
        _ name: String, _ apis: [API], into text: inout SwiftText, _ side: (API) -> Message
    ) {
        emitSwitch("package func \(name)(for version: Int16) -> Int16", apis, into: &text) { headerVersion(side($0)) }
    }

    /// `version >= 9 ? 2 : 1`: header versions never fall.
    private func headerVersion(_ message: Message) -> String {
        let versions = Array(message.validVersions)
        var text = "\(message.headerVersion(for: versions[0]))"
        for (before, version) in zip(versions, versions.dropFirst()) {
            let header = message.headerVersion(for: version)
            if header == message.headerVersion(for: before) { continue }
            text = "version >= \(version) ? \(header) : \(text.contains("?") ? "(\(text))" : text)"
        }
        return text
    }

    // MARK: ErrorCode

    private func errorCodes(_ errors: [ErrorFact]) -> GeneratedFile {
        .swift("\(MessageEmitter.room)/ErrorCode.swift", from: "Schema/errors.tsv") { text in
            text.comment("Kafka's error codes. A code that is not among them is kept as it is: newer peers have more.")
            text.block("package struct ErrorCode: RawRepresentable, Hashable, Sendable, BitwiseCopyable") { text in
                text.line("package let rawValue: Int16")
                text.line()
                text.block("package init(rawValue: Int16)") { $0.line("self.rawValue = rawValue") }
                text.line()
                for error in errors {
                    let name = SwiftName.fromUpperSnake(error.name)
                    text.line("package static var \(name): ErrorCode { ErrorCode(rawValue: \(error.code)) }")
                }
            }
            text.line()
            text.block("extension ErrorCode: CustomStringConvertible") { text in
                text.comment("As Kafka spells it, `OFFSET_OUT_OF_RANGE`; nil for a code that Kafka does not have.")
                text.block("package var name: String?") { text in
                    text.line("switch rawValue {")
                    for error in errors { text.line("case \(error.code): \"\(error.name)\"") }
                    text.line("default: nil")
                    text.line("}")
                }
                text.line()
                text.comment("Whether a client tries again on it by itself.")
                text.block("package var isRetriable: Bool") { text in
                    text.line("switch rawValue {")
                    let codes = errors.filter(\.isRetriable).map { "\($0.code)" }
                    text.line("case \(codes.joined(separator: ", ")): true")
                    text.line("default: false")
                    text.line("}")
                }
                text.line()
                text.line("package var description: String { name ?? \"error \\(rawValue)\" }")
            }
        }
    }

    // MARK: MetadataRecordType

    private func metadataRecordTypes(_ records: [Message]) -> GeneratedFile {
        .swift("\(MessageEmitter.room)/MetadataRecordType.swift", from: "Schema/Records") { text in
            text.comment("The records of the metadata log by the type that stands in front of each.")
            text.block("package enum MetadataRecordType: Int16, CaseIterable, Sendable") { text in
                let types = records.compactMap { record -> (name: String, type: Int)? in
                    guard case .record(let framing?) = record.role, framing.name == "metadata-record" else {
                        return nil
                    }
                    return framing.recordType.map { (record.name, $0) }
                }
                for record in types.sorted(by: { $0.type < $1.type }) {
                    text.line("case \(SwiftName.member(record.name)) = \(record.type)")
                }
            }
        }
    }
}
