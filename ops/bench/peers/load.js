// What the peers in JavaScript share: messages with the time inside, and a load that is told on standard input.
const readline = require("readline");

exports.timedText = (size) => {
  const at = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
  const head = `{"at":${at},"data":"`;
  return head + "x".repeat(size - head.length - 2) + '"}';
};

exports.onLoad = (send) => {
  let timer = null;
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const [burst, every] = line.split(" ").map(Number);
    clearInterval(timer);
    timer = burst ? setInterval(() => send(burst), every) : null;
  });
};
