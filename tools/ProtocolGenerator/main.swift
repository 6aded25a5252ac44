// Makes the generated sources from the schema: see README.md in Schema for its form.
//
//   ProtocolGenerator --root PROJECT [--output FOLDER]
//
// PROJECT is where tools/ProtocolGenerator/Schema and Configuration are; the files are written below FOLDER, by default PROJECT too.

import Foundation

func option(_ name: String) -> String? {
    guard let index = CommandLine.arguments.firstIndex(of: name), index + 1 < CommandLine.arguments.count else {
        return nil
    }
    return CommandLine.arguments[index + 1]
}

guard let root = option("--root").map({ URL(fileURLWithPath: $0) }) else {
    FileHandle.standardError.write(Data("usage: ProtocolGenerator --root PROJECT [--output FOLDER]\n".utf8))
    exit(2)
}
/// Every kind of output; a new one is a file of its own and a line here.
let emitters: [any Emitter] = [
    MessageEmitter(),
    ListEmitter(),
    RegistryEmitter(),
    SchemaTableEmitter(),
    ConfigurationEmitter(keys: root.appendingPathComponent("tools/ProtocolGenerator/Configuration/keys.tsv")),
]
let output = option("--output").map { URL(fileURLWithPath: $0) } ?? root

do {
    let schema = try SchemaParser.parse(folder: root.appendingPathComponent("tools/ProtocolGenerator/Schema"))
    var writer = OutputFolder(root: output)
    for emitter in emitters {
        try writer.write(try emitter.emit(schema), owning: emitter.ownedFolders)
    }
    print("\(writer.filesTotal) files, \(writer.filesWritten) written, \(writer.filesRemoved) removed")
} catch {
    FileHandle.standardError.write(Data("ProtocolGenerator: \(error)\n".utf8))
    exit(1)
}
