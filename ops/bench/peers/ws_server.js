// The peer of the fan-out benchmarks: node with the package `ws`, every message sent to every client.
// PORT MESSAGES_A_BURST MILLISECONDS_BETWEEN_BURSTS PAYLOAD_BYTES
const { WebSocketServer } = require("ws");
const [port, burst, every, size] = process.argv.slice(2).map(Number);
const server = new WebSocketServer({ port, host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 });
server.on("listening", () => console.log("ready"));
setInterval(() => {
  for (let i = 0; i < burst; i++) {
    const at = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
    const head = `{"at":${at},"data":"`;
    const payload = Buffer.from(head + "x".repeat(size - head.length - 2) + '"}');
    for (const client of server.clients) client.send(payload, { binary: false });
  }
}, every);
