/// The list of all messages by name, for the tests that go through the golden vectors.
struct RegistryEmitter: Emitter {
    let ownedFolders: [String] = []

    func emit(_ schema: Schema) -> [GeneratedFile] {
        [
            .swift("Tests/KafkaMessagesTests/AllMessages.swift", from: "Schema") { text in
                text.line("import KafkaMessages")
                text.line("import KafkaWire")
                text.line()
                text.block("enum AllMessages") { text in
                    text.line("static let byName: [String: any (WireMessage & SendableMetatype).Type] = [")
                    for message in schema.messages { text.line("    \"\(message.name)\": \(message.name).self,") }
                    text.line("]")
                }
            }
        ]
    }
}
