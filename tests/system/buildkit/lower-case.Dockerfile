from busybox as b
run echo x > /x
copy one.txt /y
env A=b
