// Compiles GanglionAnchor.sol with the npm package `solc` and prints the artifact, or with --check compares it with the one
// that is committed. The bytecode carries no metadata and needs no opcode newer than Paris, so it is the same everywhere.
//
//   npm install --no-save --ignore-scripts solc@0.8.37
//   NODE_PATH=node_modules node chain/contract/compile.cjs --check
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const name = "GanglionAnchor";
const source = path.join(__dirname, `${name}.sol`);
const artifact = path.join(__dirname, `${name}.json`);

const input = {
  language: "Solidity",
  sources: { [`${name}.sol`]: { content: fs.readFileSync(source, "utf8") } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: "paris",
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: {
      "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"] },
    },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const error of output.errors ?? []) console.error(error.formattedMessage);
if ((output.errors ?? []).length > 0) process.exit(1);
const contract = output.contracts[`${name}.sol`][name];
const made = JSON.stringify(
  {
    compiler: solc.version(),
    methods: contract.evm.methodIdentifiers,
    abi: contract.abi,
    bytecode: contract.evm.bytecode.object,
    runtime: contract.evm.deployedBytecode.object,
  },
  null,
  1,
) + "\n";

if (process.argv[2] !== "--check") {
  process.stdout.write(made);
} else if (fs.readFileSync(artifact, "utf8") === made) {
  console.log(`${name}.json is what ${solc.version()} makes of ${name}.sol`);
} else {
  console.error(`${name}.json is not what ${solc.version()} makes of ${name}.sol`);
  process.exit(1);
}
