// What a bundler for browsers finds in place of this package, so that it says why it cannot be there.
throw new Error("@image-stream/codec runs in Node only; its README says why: 'Not in a browser'");
