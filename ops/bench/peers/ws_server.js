// A peer of the fan-out benchmarks: node with the package `ws`, every message sent to every client.
// PORT PAYLOAD_BYTES; a line `BURST EVERY` on standard input says what to send.
const { WebSocketServer } = require("ws");
const { onLoad, timedText } = require("./load.js");
const [port, size] = process.argv.slice(2).map(Number);
const server = new WebSocketServer({ port, host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 });
server.on("listening", () => console.log("ready"));
onLoad((burst) => {
  for (let i = 0; i < burst; i++) {
    const payload = Buffer.from(timedText(size));
    for (const client of server.clients) client.send(payload, { binary: false });
  }
});
