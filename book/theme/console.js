// Marks the commands in `console` blocks. Without it they read as plain text.
"use strict";
(() => {
    const blocks = document.querySelectorAll("code[class*='language-console']");
    for (const block of blocks) {
        const lines = block.textContent.replace(/\n$/, "").split("\n");
        const parts = [];
        let inCommand = false;
        for (const line of lines) {
            const isCommand = /^[#$] /.test(line) || (inCommand && line.startsWith("> "));
            inCommand = isCommand;
            const row = document.createElement("span");
            row.className = isCommand ? "command" : "output";
            if (isCommand) {
                const prompt = document.createElement("span");
                prompt.className = "prompt";
                prompt.textContent = line.slice(0, 2);
                row.append(prompt, line.slice(2));
            } else {
                row.textContent = line;
            }
            parts.push(row, "\n");
        }
        block.replaceChildren(...parts);
    }
})();
