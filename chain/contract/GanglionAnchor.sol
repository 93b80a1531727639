// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Public statements about which cuts the epochs of a subnet were decided by (docs/spec/anchors.md).
///
/// One contract serves every subnet and anybody. What a publisher says stands under the publisher's own address, so nobody
/// can take a place before somebody else or write over it; whether it is true is for readers to find out, who compare
/// the cut ids with certified ones.
contract GanglionAnchor {
    /// Last cut by keccak(subnet, publisher, last epoch).
    mapping(bytes32 => bytes32) private cuts;
    /// Range root by keccak(subnet, publisher, first epoch, last epoch), for more than one epoch.
    mapping(bytes32 => bytes32) private ranges;

    /// A new statement. The payload of docs/spec/anchors.md in its fields.
    event Anchored(
        bytes32 indexed subnet,
        address indexed publisher,
        uint64 indexed last,
        uint64 first,
        bytes32 lastCut,
        bytes32 resultRoot,
        bytes32 nextCommitteeRoot,
        bytes32 rangeRoot
    );

    /// The publisher said before that other cuts decided these epochs.
    error Conflict(bytes32 subnet, uint64 last, bytes32 lastCut, bytes32 rangeRoot);
    /// No range of epochs, or an id of zeros.
    error Malformed();

    /// States it once. The same cut ids again change nothing and return false, so a transaction that is sent twice by
    /// mistake, or by two processes, does no harm.
    function anchor(
        bytes32 subnet,
        uint64 first,
        uint64 last,
        bytes32 lastCut,
        bytes32 resultRoot,
        bytes32 nextCommitteeRoot,
        bytes32 rangeRoot
    ) external returns (bool fresh) {
        if (first == 0 || first > last || lastCut == 0 || rangeRoot == 0) revert Malformed();
        bytes32 key = keccak256(abi.encode(subnet, msg.sender, last));
        bytes32 have = cuts[key];
        if (have == 0) {
            cuts[key] = lastCut;
            fresh = true;
        } else if (have != lastCut) {
            revert Conflict(subnet, last, have, 0);
        }
        // The range root of one epoch follows from its cut.
        if (first != last) {
            key = keccak256(abi.encode(subnet, msg.sender, first, last));
            have = ranges[key];
            if (have == 0) {
                ranges[key] = rangeRoot;
                fresh = true;
            } else if (have != rangeRoot) {
                revert Conflict(subnet, last, lastCut, have);
            }
        }
        if (fresh) {
            emit Anchored(subnet, msg.sender, last, first, lastCut, resultRoot, nextCommitteeRoot, rangeRoot);
        }
    }

    /// What a publisher said of the range: its last cut, and its range root where there is more than one epoch; zeros if nothing.
    function stated(bytes32 subnet, address publisher, uint64 first, uint64 last)
        external
        view
        returns (bytes32 lastCut, bytes32 rangeRoot)
    {
        lastCut = cuts[keccak256(abi.encode(subnet, publisher, last))];
        if (first != last) rangeRoot = ranges[keccak256(abi.encode(subnet, publisher, first, last))];
    }
}
