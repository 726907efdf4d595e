# A shim for tools that only know node-gyp: CMakeLists.txt does the build and puts the addon where node-gyp looks for it.
{
  "targets": [
    {
      "target_name": "flowident",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/flowident.node"],
          "action": ["npx", "--no-install", "cmake-js", "compile", "-O", "build/cmake"]
        }
      ]
    }
  ]
}
