// GroupsTests
