/// Sources/KafkaMessages: one file a message, with the struct, its nested structs, and how both are read and written.
struct MessageEmitter: Emitter {
    static let room = "Sources/KafkaMessages"

    let ownedFolders = ["Requests", "Responses", "Headers", "Records"].map { "\(MessageEmitter.room)/\($0)" }

    func emit(_ schema: Schema) throws -> [GeneratedFile] {
        let apis = Dictionary(uniqueKeysWithValues: schema.apis.map { ($0.key, $0) })
        return try schema.messages.map { message in
            let path = "\(MessageEmitter.room)/\(folder(of: message))/\(message.name).swift"
            return try GeneratedFile.swift(path, from: "Schema/\(message.file)") { text in
                text.line("package import KafkaWire")
                text.line()
                try emit(message, apis: apis, into: &text)
            }
        }
    }

    private func folder(of message: Message) -> String {
        switch message.role {
        case .request: "Requests"
        case .response: "Responses"
        case .header: "Headers"
        case .record: "Records"
        }
    }

    private func emit(_ message: Message, apis: [Int: API], into text: inout SwiftText) throws {
        let body = StructEmitter(
            name: message.name, fields: message.fields, versions: message.validVersions, message: message)
        text.comment(summary(message, apis: apis))
        text.block("package struct \(message.name): \(conformance(message))") { text in
            emitStatics(message, apis: apis, into: &text)
            body.emitProperties(into: &text)
        }
        try body.emitCoding(into: &text)
        for nested in message.structs {
            let emitter = StructEmitter(
                name: "\(message.name).\(nested.name)", fields: nested.fields, versions: nested.versions,
                message: message)
            text.line()
            text.block("extension \(message.name)") { text in
                text.block("package struct \(nested.name): WireStruct") { emitter.emitProperties(into: &$0) }
            }
            try emitter.emitCoding(into: &text)
        }
    }

    private func summary(_ message: Message, apis: [Int: API]) -> String {
        let versions = "versions \(message.validVersions.lowerBound) to \(message.validVersions.upperBound)"
        let flexible = message.flexibleVersions.map { ", flexible from \($0.lowerBound)" } ?? ""
        switch message.role {
        case .request(let key): return "The request of \(apis[key]!.name) (API key \(key)): \(versions)\(flexible)."
        case .response(let key): return "The response of \(apis[key]!.name) (API key \(key)): \(versions)\(flexible)."
        case .header: return "\(versions.prefix(1).uppercased() + versions.dropFirst())\(flexible)."
        case .record(nil): return "A stored record: \(versions)\(flexible)."
        case .record(let framing?):
            let type = framing.recordType.map { ", record type \($0)" } ?? ""
            return "A stored record (\(framing.name)\(type)): \(versions)\(flexible)."
        }
    }

    private func conformance(_ message: Message) -> String {
        switch message.role {
        case .request: return "RequestMessage"
        case .response: return "ResponseMessage"
        case .header: return "WireMessage"
        case .record(let framing):
            switch framing?.name {
            case "metadata-record": return "MetadataRecord"
            case "remote-log-metadata-record": return "RemoteLogMetadataRecord"
            case "coordinator-key": return "CoordinatorKey"
            case "coordinator-value": return "CoordinatorValue"
            case "consumer-protocol": return "ConsumerProtocolMessage"
            default: return "WireMessage"
            }
        }
    }

    private func emitStatics(_ message: Message, apis: [Int: API], into text: inout SwiftText) {
        switch message.role {
        case .request(let key):
            text.line("package typealias Response = \(apis[key]!.response.name)")
            text.line("package static var apiKey: ApiKey { .\(SwiftName.member(apis[key]!.name)) }")
        case .response(let key):
            text.line("package static var apiKey: ApiKey { .\(SwiftName.member(apis[key]!.name)) }")
        case .header:
            break
        case .record(let framing):
            if let framing, let type = framing.recordType {
                if framing.name == "metadata-record" {
                    text.line(
                        "package static var recordType: MetadataRecordType { .\(SwiftName.member(message.name)) }")
                } else {
                    text.line("package static var recordType: Int16 { \(type) }")
                }
            }
        }
        let valid = message.validVersions
        text.line("package static var validVersions: ClosedRange<Int16> { \(valid.lowerBound)...\(valid.upperBound) }")
        let flexible = message.flexibleVersions.map { "\($0.lowerBound)...\($0.upperBound)" } ?? "nil"
        text.line("package static var flexibleVersions: ClosedRange<Int16>? { \(flexible) }")
    }
}

/// The schema asks for something that this generator does not do.
struct GeneratorError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
