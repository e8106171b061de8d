// Starts `rinject lsp` when the first RASP program is opened.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
    const [command, ...args] = workspace.getConfiguration("rasp").get("server");
    client = new LanguageClient("rasp", "RASP", { command, args }, {
        documentSelector: [{ language: "rasp" }],
        synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.rasp") },
    });
    return client.start();
}

function deactivate() {
    return client && client.stop();
}

module.exports = { activate, deactivate };
