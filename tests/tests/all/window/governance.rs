//! A community is run from its sheets: what is decided there is decided by the node, and the log tells it.

use alloquy_node::RpcClient;
use tempfile::tempdir;

use super::{begin, on, opened};

#[test]
fn a_community_is_renamed_a_role_made_and_the_log_tells_it() {
    let data = tempdir().unwrap();
    let Some((_screen, mut window)) = opened("window community settings", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.click("Home, menu of the community");
    window.click("Community settings");
    window.fill("Name of the community", "House");
    window.click("Save");
    window.sees("House, menu of the community");

    window.click("Roles");
    window.click("Make a role");
    window.fill("Name of the role", "Gardener");
    window.click("Make the role");
    window.sees_part("Gardener, Rank");

    window.click("Audit log");
    window.sees_part("made the role Gardener");

    // The node that the window runs says the same to a command line beside it.
    let mut client = RpcClient::connect(data.path()).unwrap();
    let wait = std::time::Duration::from_secs(60);
    let roles = client.call("roles House".parse().unwrap(), wait).unwrap();
    assert!(format!("{roles:?}").contains("Gardener"), "{roles:?}");
}
