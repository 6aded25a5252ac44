import Foundation

/// Where the generated files go. A file that would not change is left alone, so that it is not compiled again.
struct OutputFolder {
    let root: URL
    private(set) var filesTotal = 0
    private(set) var filesWritten = 0
    private(set) var filesRemoved = 0

    init(root: URL) {
        self.root = root
    }

    mutating func write(_ files: [GeneratedFile], owning folders: [String]) throws {
        for file in files {
            let place = root.appendingPathComponent(file.path)
            filesTotal += 1
            if let present = try? String(contentsOf: place, encoding: .utf8), present == file.text { continue }
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try file.text.write(to: place, atomically: true, encoding: .utf8)
            filesWritten += 1
        }
        let written = Set(files.map(\.path))
        for folder in folders {
            let place = root.appendingPathComponent(folder)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? [] {
                if written.contains("\(folder)/\(name)") { continue }
                try FileManager.default.removeItem(at: place.appendingPathComponent(name))
                filesRemoved += 1
            }
        }
    }
}
