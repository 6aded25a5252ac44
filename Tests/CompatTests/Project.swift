import Foundation

/// Where the project's files are.
enum Project {
    static let root = String(#filePath.dropLast("Tests/CompatTests/Project.swift".count))
}
