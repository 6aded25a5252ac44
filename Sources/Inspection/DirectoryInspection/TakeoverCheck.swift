package import Cluster
package import Files
internal import Telemetry

/// Whether this broker may go on from a directory of another: what it cannot take over is named before anything is written.
package struct TakeoverCheck: Sendable {
    let directories: [String]
    let nodeId: Int32
    /// What the operator has said may stay behind, by `Takeover.Kind`.
    let leftBehind: Set<String>
    let fileSystem: FileSystem

    package init(directories: [String], nodeId: Int32, leftBehind: Set<String>, fileSystem: FileSystem) {
        self.directories = directories
        self.nodeId = nodeId
        self.leftBehind = leftBehind
        self.fileSystem = fileSystem
    }

    /// Why there is no start; nil: there may be one.
    package func refusal(of image: ClusterImage) -> MetadataError? {
        var obstacles = Takeover.obstacles(in: image, nodeId: nodeId)
        if image.topic(Takeover.shareStateTopic) != nil {
            do throws(FileError) {
                let groups = try ShareState.groups(in: directories, fileSystem)
                if !groups.isEmpty { obstacles.append(Takeover.Obstacle(kind: .share, what: groups)) }
            } catch {
                return MetadataError(.storage, "\(error)")
            }
        }
        let (left, refused) = (
            obstacles.filter { leftBehind.contains($0.kind.rawValue) },
            obstacles.filter { !leftBehind.contains($0.kind.rawValue) }
        )
        guard refused.isEmpty else {
            let options = refused.map { "--leave-behind=\($0.kind.rawValue)" }.joined(separator: " ")
            return MetadataError(
                .foreign,
                "\(directories.joined(separator: ",")): \(refused.map(\.description).joined(separator: "; ")). That cannot be taken "
                    + "over, and nothing was changed. With \(options) a start goes on without it")
        }
        for obstacle in left { Logger("jackdaw").warn("left behind: \(obstacle)") }
        return nil
    }
}
